package client_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

const (
	hmacKey  = "750c783e6ab0b503eaa86e310a5db738"
	overhead = 44
)

// TestSigned checks each byte of signed datagrams.
func TestSigned(t *testing.T) {
	r := receive(t, "udp", "")
	c := open(t, client.New, client.Config{Network: "udp", Address: r.address, HMACKey: []byte(hmacKey), MaxPacketSize: 100})
	before := time.Now().Unix()
	const lines = 200
	for range lines {
		c.Incr("a") // equal lines must have different signatures
	}
	flush(t, c)
	signatures, got := map[string]bool{}, 0
	all := func(packets []string) bool { return strings.Count(strings.Join(packets, ""), "a:1|c") == lines }
	for _, p := range r.wait(t, all) {
		if len(p) > 100 {
			t.Errorf("a datagram has %d bytes, want at most 100", len(p))
		}
		mac := hmac.New(sha256.New, []byte(hmacKey))
		mac.Write([]byte(p[sha256.Size:]))
		if string(mac.Sum(nil)) != p[:sha256.Size] {
			t.Errorf("the signature of %q is wrong", p)
		}
		if at := int64(binary.LittleEndian.Uint64([]byte(p[sha256.Size:]))); at < before || at > time.Now().Unix() {
			t.Errorf("signed at %d, want %d or somewhat later", at, before)
		}
		if signatures[p[:sha256.Size]] {
			t.Error("two datagrams have one signature")
		}
		signatures[p[:sha256.Size]] = true
		for line := range strings.SplitSeq(p[overhead:], "\n") {
			if got++; line != "a:1|c" {
				t.Errorf("got line %q", line)
			}
		}
	}
	if got != lines {
		t.Errorf("got %d lines, want %d", got, lines)
	}
	sums(t, c.Stats(), lines)
}

// TestSignedLimit checks that a line is dropped if it would fit only without its signature.
func TestSignedLimit(t *testing.T) {
	r := receive(t, "udp", "")
	c := open(t, client.New, client.Config{Network: "udp", Address: r.address, HMACKey: []byte(hmacKey), MaxPacketSize: overhead + 10})
	c.Incr(strings.Repeat("a", 7)) // the line has 11 bytes, but there is room for 10
	c.Incr(strings.Repeat("b", 6))
	flush(t, c)
	if p := r.wait(t, func(all []string) bool { return len(all) == 1 }); p[0][overhead:] != "bbbbbb:1|c" {
		t.Errorf("got %q", p)
	}
	if s := c.Stats(); s.Dropped.TooLong != 1 || s.Sent != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestHMACKeyErrors(t *testing.T) {
	for _, tt := range []struct {
		cfg  client.Config
		want string
	}{
		{client.Config{HMACKey: []byte(hmacKey)}, `Config.Network is "": set udp`},
		{client.Config{Network: "tcp", HMACKey: []byte(hmacKey)}, "set udp"},
		{client.Config{Network: "unixgram", Address: "/a", HMACKey: []byte(hmacKey)}, "set udp"},
		{client.Config{Network: "udp", HMACKey: []byte(hmacKey + "\n")}, "the newline of a file"},
		{client.Config{Network: "udp", HMACKey: []byte(" ")}, "white space"},
		{client.Config{Network: "udp", HMACKey: []byte(hmacKey), MaxPacketSize: overhead}, "takes 44 bytes"},
	} {
		_, err := client.New(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), hmacKey) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// tlsServer accepts TLS connections. If clients is true, it requires client certificates.
func tlsServer(t *testing.T, a *counterpart.Authority, clients bool) *receiver {
	t.Helper()
	cert, key := a.Issue("127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients {
		text, err := os.ReadFile(a.File)
		if err != nil {
			t.Fatal(err)
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(text)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{network: "tcp", address: l.Addr().String(), stop: func() { _ = l.Close() }}
	go r.accept(tls.NewListener(l, config))
	t.Cleanup(r.stop)
	return r
}

func TestTLS(t *testing.T) {
	a := counterpart.NewAuthority(t)
	config := a.Client()
	cert, key := a.Issue("client")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	r := tlsServer(t, a, true)
	c := open(t, client.New, client.Config{Address: r.address, Dial: (&tls.Dialer{Config: config}).DialContext})
	c.Incr("a")
	if err := c.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	r.wait(t, func(all []string) bool { return len(all) == 1 && all[0] == "a:1|c\n" })
}

// TestTLSRefused checks that the error says why the client cannot connect.
func TestTLSRefused(t *testing.T) {
	a, other := counterpart.NewAuthority(t), counterpart.NewAuthority(t)
	for _, tt := range []struct {
		what   string
		config *tls.Config
		want   string
	}{
		{"no certificate", a.Client(), "certificate required"},
		{"a server of another authority", other.Client(), "certificate signed by unknown authority"},
	} {
		r := tlsServer(t, a, true)
		c := open(t, client.New, client.Config{Address: r.address, Dial: (&tls.Dialer{Config: tt.config}).DialContext})
		wait.Until(t, tt.what, func() bool {
			c.Incr("a")
			err := c.Stats().LastError
			return err != nil && strings.Contains(err.Error(), tt.want)
		})
	}
}
