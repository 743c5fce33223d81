package admit

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/allow"
	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/certs/certstest"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/glob"
)

const (
	oldKey = "the first key of this test"
	newKey = "the second key of this test"
)

var nonce uint32

// sign returns a signed line. The time in the line is the current time plus the given duration. Each call returns a
// different signature.
func sign(key, line string, later time.Duration) []byte {
	nonce++
	rest := binary.LittleEndian.AppendUint64(nil, uint64(time.Now().Add(later).Unix()))
	rest = append(binary.LittleEndian.AppendUint32(rest, nonce), line...)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(rest)
	return append(mac.Sum(nil), rest...)
}

func open(t testing.TB, c Config) *Door {
	t.Helper()
	d, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func from(t testing.TB, list string) *allow.Set {
	t.Helper()
	s, err := allow.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keyFile writes keys to the file at path, and returns path.
func keyFile(t testing.TB, path string, keys ...string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(keys, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	c := Config{KeyFile: keyFile(t, path, newKey, oldKey), Allow: from(t, "10.0.0.0/8"), Drift: time.Minute}
	d := open(t, c)
	checks := []listen.Check{d.Check(), d.Check()} // one check for each of two receivers
	inside, outside := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("11.1.2.3")
	once := sign(newKey, "a:1|c", 0)
	for i, tt := range []struct {
		datagram []byte
		from     netip.Addr
		want     listen.Refusal
	}{
		{once, inside, listen.Admitted},
		{once, inside, listen.Replayed},
		{once, outside, listen.Denied},
		{once, netip.Addr{}, listen.Denied},
		{sign(oldKey, "a:1|c", 0), inside, listen.OldKey},
		{sign("another key of this test", "a:1|c", 0), inside, listen.BadAuth},
		{[]byte("a:1|c"), inside, listen.BadAuth},
		{sign(newKey, "a:1|c", -time.Hour), inside, listen.Late},
		{sign(newKey, "a:1|c", time.Hour), inside, listen.Early},
	} {
		lines, got := checks[i%2].Open(tt.datagram, tt.from, time.Now())
		if got != tt.want || got.Admits() && string(lines) != "a:1|c" {
			t.Errorf("%d: got %q, %v, want %v", i, lines, got, tt.want)
		}
	}

	// After Follow, all checks use the new rules immediately. A datagram that was accepted under the old rules is
	// still refused when it is sent again.
	keyFile(t, path, newKey)
	c.Allow = from(t, "11.0.0.0/8")
	d.Follow(open(t, c))
	for _, check := range checks {
		for _, tt := range []struct {
			datagram []byte
			from     netip.Addr
			want     listen.Refusal
		}{
			{once, outside, listen.Replayed},
			{sign(newKey, "a:1|c", 0), inside, listen.Denied},
			{sign(newKey, "a:1|c", 0), outside, listen.Admitted},
			{sign(oldKey, "a:1|c", 0), outside, listen.BadAuth},
		} {
			if _, got := check.Open(tt.datagram, tt.from, time.Now()); got != tt.want {
				t.Errorf("with new rules: got %v, want %v", got, tt.want)
			}
		}
	}
}

// TestSenders checks that Senders returns true only if addresses are restricted.
func TestSenders(t *testing.T) {
	keys := keyFile(t, filepath.Join(t.TempDir(), "keys"), newKey)
	if open(t, Config{}).Check() != nil {
		t.Error("there is a check without rules")
	}
	if open(t, Config{KeyFile: keys}).Check().Senders() {
		t.Error("signatures need senders")
	}
	if !open(t, Config{Allow: from(t, "::1")}).Check().Senders() {
		t.Error("addresses need no senders")
	}
}

// meet connects a client to a Door. It returns the lines that the Door accepts, or why it refused
// the client.
func meet(t *testing.T, d *Door, client func(net.Conn)) (string, listen.Refusal) {
	t.Helper()
	accepted, end := certstest.Accept(t, client)
	defer end()
	conn, why := d.Admit(t.Context(), accepted)
	if why != listen.Admitted {
		return "", why
	}
	lines, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	return string(lines), why
}

func plain(c net.Conn) { _, _ = io.WriteString(c, "a:1|c\n") }

func encrypted(config *tls.Config) func(net.Conn) {
	return func(c net.Conn) {
		conn := tls.Client(c, config)
		if _, err := io.WriteString(conn, "a:1|c\n"); err == nil {
			_ = conn.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

func TestAdmit(t *testing.T) {
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("127.0.0.1")
	names := func(pattern string) []glob.Glob {
		g, err := glob.Parse(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return []glob.Glob{g}
	}
	base := a.Client()
	base.ServerName = "127.0.0.1"
	own := base.Clone()
	clientCert, clientKey := a.Issue("web.example.com")
	pair, err := certs.Pair(clientCert, clientKey)
	if err != nil {
		t.Fatal(err)
	}
	own.Certificates = []tls.Certificate{*pair}
	server := func(names ...glob.Glob) *certs.Server {
		return &certs.Server{Cert: cert, Key: key, ClientCA: a.File, Names: names}
	}
	for _, tt := range []struct {
		what   string
		config Config
		client func(net.Conn)
		want   listen.Refusal
	}{
		{"no rules", Config{}, plain, listen.Admitted},
		{"an address that is allowed", Config{Allow: from(t, "127.0.0.0/8")}, plain, listen.Admitted},
		{"another address", Config{Allow: from(t, "10.0.0.0/8")}, plain, listen.Denied},
		{"TLS", Config{TLS: &certs.Server{Cert: cert, Key: key}}, encrypted(base), listen.Admitted},
		{"no TLS", Config{TLS: &certs.Server{Cert: cert, Key: key}}, plain, listen.Handshake},
		{"a certificate", Config{TLS: server(names("web.*")...)}, encrypted(own), listen.Admitted},
		{"a certificate with another name", Config{TLS: server(names("db.*")...)}, encrypted(own), listen.BadName},
		{"no certificate", Config{TLS: server()}, encrypted(base), listen.NoCertificate},
		{"a certificate from another address", Config{TLS: server(), Allow: from(t, "::1")}, encrypted(own), listen.Denied},
	} {
		lines, why := meet(t, open(t, tt.config), tt.client)
		if why != tt.want || why == listen.Admitted && lines != "a:1|c\n" {
			t.Errorf("%s: got %q, %v, want %v", tt.what, lines, why, tt.want)
		}
	}
}

// TestFollowCertificate changes a Door's certificate, and the authority that signs client
// certificates.
func TestFollowCertificate(t *testing.T) {
	first, second := counterpart.NewAuthority(t), counterpart.NewAuthority(t)
	config := func(a *counterpart.Authority) Config {
		cert, key := a.Issue("127.0.0.1")
		return Config{TLS: &certs.Server{Cert: cert, Key: key, ClientCA: a.File}}
	}
	client := func(a *counterpart.Authority) func(net.Conn) {
		c := a.Client()
		c.ServerName = "127.0.0.1"
		cert, key := a.Issue("client")
		pair, err := certs.Pair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
		// The client does not check the listener's certificate, because the test is only about the
		// decision of the listener.
		c.InsecureSkipVerify = true
		return encrypted(c)
	}
	d := open(t, config(first))
	if _, why := meet(t, d, client(first)); why != listen.Admitted {
		t.Errorf("got %v", why)
	}
	d.Follow(open(t, config(second)))
	if _, why := meet(t, d, client(first)); why != listen.BadCertificate {
		t.Errorf("from the old authority: got %v", why)
	}
	if _, why := meet(t, d, client(second)); why != listen.Admitted {
		t.Errorf("from the new authority: got %v", why)
	}
}

// TestFollowAnotherKind checks that Follow changes nothing if the other Door is of another kind.
func TestFollowAnotherKind(t *testing.T) {
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("127.0.0.1")
	keys := keyFile(t, filepath.Join(t.TempDir(), "keys"), newKey)
	kinds := []Config{
		{}, {Allow: from(t, "::1")}, {TLS: &certs.Server{Cert: cert, Key: key}}, {KeyFile: keys}, {KeyFile: keys, Drift: time.Minute},
	}
	for i, was := range kinds {
		for j, is := range kinds {
			d, next := open(t, was), open(t, is)
			d.Follow(next)
			if followed := d.rules.Load() == next.rules.Load(); followed != (i == j) {
				t.Errorf("%d follows %d: %v", j, i, followed)
			}
		}
		d := open(t, was)
		before := d.rules.Load()
		if d.Follow(nil); d.rules.Load() != before {
			t.Errorf("nothing follows %d", i)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		config Config
		want   string
	}{
		{Config{Drift: time.Millisecond}, "drift 1ms: must be between 1s and 10m0s"},
		{Config{Drift: time.Hour}, "drift 1h0m0s: must be between 1s and 10m0s"},
		{Config{KeyFile: dir + "/none"}, "keys: open " + dir + "/none: no such file"},
		{Config{KeyFile: keyFile(t, dir+"/short", "short")}, "keys: " + dir + "/short: line 1: the key has 5 bytes"},
		{Config{TLS: &certs.Server{Cert: dir + "/none", Key: dir + "/none"}}, "cert: open " + dir + "/none: no such file"},
		{Config{TLS: &certs.Server{}}, "key: needs cert too"},
	} {
		if _, err := Open(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.config, err, tt.want)
		}
	}
}

func TestOpenAllocatesNothing(t *testing.T) {
	keys := keyFile(t, filepath.Join(t.TempDir(), "keys"), newKey)
	check := open(t, Config{KeyFile: keys, Allow: from(t, "10.0.0.0/8,::1")}).Check()
	d, addr := sign(newKey, "a:1|c", 0), netip.IPv6Loopback()
	check.Open(d, addr, time.Now())
	if n := testing.AllocsPerRun(100, func() { check.Open(d, addr, time.Now()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
