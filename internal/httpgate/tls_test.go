package httpgate_test

import (
	"crypto/tls"
	"log"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serveTLS runs a server with a certificate until the test ends.
func serveTLS(t *testing.T, cert, key string) (addr string, said *logged) {
	t.Helper()
	certificate, err := httpgate.ReadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	said = &logged{}
	return serve(t, httpgate.Config{Certificate: certificate, ErrorLog: log.New(said, "", 0)}), said
}

func TestProtectionsTLS(t *testing.T) {
	t.Parallel()
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("127.0.0.1")
	addr, said := serveTLS(t, cert, key)
	httpgatetest.CheckTLS(t, addr, "/", a.Client())
	if said.String() != "" {
		t.Errorf("errors of clients are logged: %s", said)
	}
}

// TestRenewal replaces the files of a certificate while the server runs: with a new certificate,
// and with an invalid file.
func TestRenewal(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("127.0.0.1")
	addr, said := serveTLS(t, cert, key)
	serial := func() string {
		conn, err := tls.Dial("tcp", addr, a.Client())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	a.Issue("127.0.0.1") // Issue overwrites the files of the first certificate
	wait.Until(t, "the new certificate is not used", func() bool { return serial() != first })
	second := serial()
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "a file that is no certificate is not reported", func() bool {
		if got := serial(); got != second {
			t.Fatalf("got certificate %s, want the old one, %s", got, second)
		}
		return strings.Contains(said.String(), "the old certificate is still used")
	})
	a.Issue("127.0.0.1")
	wait.Until(t, "the third certificate is not used", func() bool { return serial() != second })
}

func TestReadCertificate(t *testing.T) {
	a := counterpart.NewAuthority(t)
	cert, _ := a.Issue("127.0.0.1")
	_, other := a.Issue("localhost")
	for _, tt := range []struct{ cert, key, want string }{
		{cert + "x", other, "no such file"}, {cert, other + "x", "no such file"},
		{cert, other, "private key does not match"}, {other, other, "failed to find"}, {t.TempDir(), other, "is a directory"},
	} {
		if _, err := httpgate.ReadCertificate(tt.cert, tt.key); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, %s: got %v, want %q", tt.cert, tt.key, err, tt.want)
		}
	}
}
