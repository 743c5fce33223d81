package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/certs/certstest"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/internal/wait"
)

func globs(t testing.TB, patterns ...string) (all []glob.Glob) {
	t.Helper()
	for _, p := range patterns {
		g, err := glob.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

// meet connects a client to a server, and returns the outcome of the server's TLS handshake.
func meet(t *testing.T, server *Server, h *Handshakes, client func(net.Conn)) Outcome {
	t.Helper()
	config, err := server.Config()
	if err != nil {
		t.Fatal(err)
	}
	accepted, end := certstest.Accept(t, client)
	defer end()
	conn, outcome := h.Accept(t.Context(), accepted, config)
	if outcome == Done {
		if text, err := io.ReadAll(conn); string(text) != "a:1|c\n" || err != nil {
			t.Errorf("the client sent %q, %v", text, err)
		}
	}
	return outcome
}

func speak(config *tls.Config) func(net.Conn) {
	return func(plain net.Conn) {
		conn := tls.Client(plain, config)
		if _, err := io.WriteString(conn, "a:1|c\n"); err == nil {
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}
	}
}

// with returns a client's TLS settings with a certificate added.
func with(t *testing.T, base *tls.Config, cert, key string) *tls.Config {
	t.Helper()
	pair, err := Pair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	c := base.Clone()
	// crypto/tls does not send a certificate from the field Certificates to a server that cannot
	// verify this certificate.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	return c
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	a, other := counterpart.NewAuthority(t), counterpart.NewAuthority(t)
	cert, key := a.Issue("localhost")
	open := &Server{Cert: cert, Key: key}
	closed := &Server{Cert: cert, Key: key, ClientCA: a.File}
	named := &Server{Cert: cert, Key: key, ClientCA: a.File, Names: globs(t, "web*.example.com", "10.1.*")}
	base := a.Client()
	base.ServerName = "localhost"
	issued := func(name string) *tls.Config { c, k := a.Issue(name); return with(t, base, c, k) }
	expiredCert, expiredKey := a.IssueUntil(time.Now().Add(-time.Minute), "expired")
	strangerCert, strangerKey := other.Issue("web1.example.com")
	stranger, expired := with(t, base, strangerCert, strangerKey), with(t, base, expiredCert, expiredKey)
	version := func(v uint16) *tls.Config { c := base.Clone(); c.MinVersion, c.MaxVersion = v, v; return c }
	untrusting := other.Client()
	untrusting.ServerName = "localhost"
	for _, tt := range []struct {
		what   string
		server *Server
		client func(net.Conn)
		want   Outcome
	}{
		{"no certificate asked for", open, speak(base), Done},
		{"a certificate that the server did not ask for", open, speak(stranger), Done},
		{"TLS 1.3", open, speak(version(tls.VersionTLS13)), Done},
		{"TLS 1.2", open, speak(version(tls.VersionTLS12)), Done},
		{"TLS 1.1", open, speak(version(tls.VersionTLS11)), Failed},
		{"plain lines", open, func(c net.Conn) { _, _ = io.WriteString(c, "a:1|c\nb:2|c\n"); _, _ = io.ReadAll(c) }, Failed},
		{"gone at once", open, func(net.Conn) {}, Left},
		{"reset at once", open, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, Left},
		{"gone after a byte", open, func(c net.Conn) { _, _ = io.WriteString(c, "\x16") }, Failed},
		{"the client does not trust the listener", open, speak(untrusting), Failed},
		{"a certificate", closed, speak(issued("web7.example.com")), Done},
		{"without", closed, speak(base), NoCertificate},
		{"without, TLS 1.2", closed, speak(version(tls.VersionTLS12)), NoCertificate},
		{"from another authority", closed, speak(stranger), BadCertificate},
		{"expired", closed, speak(expired), BadCertificate},
		{"a name that is allowed", named, speak(issued("web7.example.com")), Done},
		{"an address that is allowed", named, speak(issued("10.1.2.3")), Done},
		{"another name", named, speak(issued("db.example.com")), OtherName},
		{"another address", named, speak(issued("10.2.2.3")), OtherName},
		{"an allowed name from another authority", named, speak(stranger), BadCertificate},
		{"names, without a certificate", named, speak(base), NoCertificate},
	} {
		h := NewHandshakes()
		h.timeout = time.Hour // a shorter timeout could expire on a busy machine
		if got := meet(t, tt.server, h, tt.client); got != tt.want {
			t.Errorf("%s: outcome %d, want %d", tt.what, got, tt.want)
		}
		if n := h.Running(); n != 0 {
			t.Errorf("%s: %d handshakes are still counted", tt.what, n)
		}
	}
}

// TestNames checks the names in certificates. The common name of a certificate is ignored.
func TestNames(t *testing.T) {
	uri, _ := url.Parse("spiffe://example.com/ns/shop/sa/cart")
	c := &x509.Certificate{
		DNSNames: []string{"cart.example.com"}, EmailAddresses: []string{"cart@example.com"},
		IPAddresses: []net.IP{net.IPv4(10, 1, 2, 3), net.ParseIP("2001:db8::7")}, URIs: []*url.URL{uri},
	}
	c.Subject.CommonName = "common"
	for pattern, want := range map[string]bool{
		"cart.example.com": true, "*.example.com": true, "example.com": false, "*": true, "common": false,
		"cart@*": true, "10.1.2.3": true, "2001:db8::7": true, "spiffe://example.com/ns/shop/*": true, "spiffe://example.com/ns/other/*": false,
	} {
		if got := (&Server{Names: globs(t, pattern)}).allows(c); got != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
	if (&Server{Names: globs(t, "a", "b*")}).allows(&x509.Certificate{}) {
		t.Error("a certificate without a name is allowed")
	}
}

func TestConfigErrors(t *testing.T) {
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("localhost")
	_, other := a.Issue("other")
	for _, tt := range []struct {
		server        Server
		setting, want string
	}{
		{Server{Cert: cert}, "cert", "needs key too"},
		{Server{Key: key}, "key", "needs cert too"},
		{Server{Cert: cert + "x", Key: key}, "cert", "no such file"},
		{Server{Cert: cert, Key: key + "x"}, "key", "no such file"},
		{Server{Cert: cert, Key: other}, "cert", "private key does not match"},
		{Server{Cert: key, Key: key}, "cert", "failed to find"},
		{Server{Cert: t.TempDir(), Key: key}, "cert", "is a directory"},
		{Server{Cert: cert, Key: key, ClientCA: key}, "client-ca", "has no certificate in PEM"},
		{Server{Cert: cert, Key: key, ClientCA: cert + "x"}, "client-ca", "no such file"},
		{Server{Cert: cert, Key: key, Names: globs(t, "a")}, "allow-name", "needs client-ca too"},
	} {
		_, err := tt.server.Config()
		if bad, ok := errors.AsType[*Error](err); !ok || bad.Setting != tt.setting || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %s: %s", tt.server, err, tt.setting, tt.want)
		}
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("localhost")
	h := NewHandshakes()
	h.timeout = 50 * time.Millisecond
	got := meet(t, &Server{Cert: cert, Key: key}, h, func(c net.Conn) { _, _ = io.ReadAll(c) })
	if got != Slow {
		t.Errorf("a silent client: outcome %d, want %d", got, Slow)
	}
}

// TestFlood opens many connections that send nothing. The number of handshakes stays within the
// limit, and a client that sends data completes its handshake.
func TestFlood(t *testing.T) {
	t.Parallel()
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("localhost")
	config, err := (&Server{Cert: cert, Key: key}).Config()
	if err != nil {
		t.Fatal(err)
	}
	h := NewHandshakes()
	h.max, h.timeout = 8, time.Hour
	const silent = 100
	outcomes := make(chan Outcome, silent)
	for range silent {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			_, o := h.Accept(t.Context(), server, config)
			outcomes <- o
		}()
	}
	for range silent - h.max {
		if o := <-outcomes; o != Crowded {
			t.Fatalf("outcome %d, want %d", o, Crowded)
		}
	}
	wait.Until(t, "the last handshakes do not run", func() bool { return h.Running() == h.max })
	base := a.Client()
	base.ServerName = "localhost"
	if o := meet(t, &Server{Cert: cert, Key: key}, h, speak(base)); o != Done {
		t.Errorf("a client that speaks: outcome %d", o)
	}
	if n := h.Running(); n > h.max {
		t.Errorf("%d handshakes run, want at most %d", n, h.max)
	}
	if o := <-outcomes; o != Crowded { // this silent connection was closed in favour of the client that sends data
		t.Errorf("outcome %d, want %d", o, Crowded)
	}
}

// TestPool reads a file with two authorities. Operators have such a file while they replace an
// authority.
func TestPool(t *testing.T) {
	a, b := counterpart.NewAuthority(t), counterpart.NewAuthority(t)
	var both []byte
	for _, file := range []string{a.File, b.File} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	path := t.TempDir() + "/both.pem"
	if err := os.WriteFile(path, both, 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := a.Issue("localhost")
	server := &Server{Cert: cert, Key: key, ClientCA: path}
	base := a.Client()
	base.ServerName = "localhost"
	for _, authority := range []*counterpart.Authority{a, b} {
		c, k := authority.Issue("client")
		if o := meet(t, server, NewHandshakes(), speak(with(t, base, c, k))); o != Done {
			t.Errorf("outcome %d", o)
		}
	}
}
