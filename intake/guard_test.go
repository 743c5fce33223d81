package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake/admit"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/allow"
	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

const hmacKey = "the key of this test"

// signed returns a function that signs datagrams in brubeck's format. Each signed datagram has a
// different nonce.
func signed(key string, later time.Duration) func(lines string) string {
	nonce := uint32(0)
	return func(lines string) string {
		nonce++
		rest := binary.LittleEndian.AppendUint64(nil, uint64(time.Now().Add(later).Unix()))
		rest = append(binary.LittleEndian.AppendUint32(rest, nonce), lines...)
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(rest)
		return string(append(mac.Sum(nil), rest...))
	}
}

// guarded returns a configuration with one listener and its guard.
func guarded(t testing.TB, scheme listen.Scheme, c admit.Config) Config {
	t.Helper()
	door, err := admit.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config()
	url := string(scheme) + "://127.0.0.1:0"
	cfg.PortOff = true
	cfg.Listeners = []listen.Listener{{URL: url, Name: "it", Scheme: scheme, Address: "127.0.0.1:0", Receivers: 2}}
	cfg.Guards = map[string]listen.Guard{url: door}
	return cfg
}

func keyFile(t testing.TB, keys ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(strings.Join(keys, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func addresses(t testing.TB, list string) *allow.Set {
	t.Helper()
	set, err := allow.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// refused checks the number of refusals since the start, by the name of the refusal.
func (in *running) refused(want map[string]uint64) {
	in.t.Helper()
	for why := range listen.Refusals {
		name := listen.Refusal(why).String()
		if got := in.tally.Listeners[0].Refused[why]; got != want[name] {
			in.t.Errorf("%s: %d were refused, want %d", name, got, want[name])
		}
	}
}

func TestSignedDatagrams(t *testing.T) {
	t.Parallel()
	in := start(t, guarded(t, listen.HMAC, admit.Config{KeyFile: keyFile(t, hmacKey), Drift: time.Minute}))
	good, forged := signed(hmacKey, 0), signed("another key of this test", 0)
	late, early := signed(hmacKey, -time.Hour), signed(hmacKey, time.Hour)
	first, second := in.dial("udp"), in.dial("udp") // two clients, so that two receivers may read the datagrams
	once := good("a:1|c")
	var sent []string
	add := func(n int, make func() string) {
		for range n {
			sent = append(sent, make())
		}
	}
	add(20, func() string { return good("a:1|c\nb:2|c") })
	add(3, func() string { return forged("bad:1|c") })
	add(2, func() string { return "bad:1|c" })
	add(4, func() string { return late("bad:1|c") })
	add(5, func() string { return early("bad:1|c") })
	add(7, func() string { return once })
	size := 0
	for i, d := range sent {
		size += len(d)
		send(t, []net.Conn{first, second}[i%2], d)
	}
	eventually(t, "the datagrams are not read", func() bool { return in.drain().UDPPackets == uint64(len(sent)) })
	in.stop()
	in.refused(map[string]uint64{"bad_auth": 5, "late": 4, "early": 5, "replayed": 6})
	in.check(Tally{UDPPackets: uint64(len(sent)), UDPBytes: uint64(size), Batches: 20, Lines: 41, Samples: 41, Aggregated: 41})
	if in.counts["counters.a"] != 21 || in.counts["counters.b"] != 40 || in.counts["counters.bad"] != 0 {
		t.Errorf("got %v", in.counts)
	}
	if text := in.out.String(); strings.Count(text, "\n") > 1 {
		t.Errorf("refusals are logged: %s", text)
	}
}

func TestAllowedAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list   string
		denied uint64
	}{{"127.0.0.0/8", 0}, {"10.0.0.0/8,::1", 3}} {
		in := start(t, guarded(t, listen.UDP, admit.Config{Allow: addresses(t, tt.list)}))
		send(t, in.dial("udp"), "a:1|c", "a:1|c", "a:1|c")
		eventually(t, "the datagrams are not read", func() bool { return in.drain().UDPPackets == 3 })
		in.stop()
		in.refused(map[string]uint64{"denied": tt.denied})
		if got := uint64(in.counts["counters.a"]); got != 3-tt.denied {
			t.Errorf("%s: %d samples", tt.list, got)
		}

		in = start(t, guarded(t, listen.TCP, admit.Config{Allow: addresses(t, tt.list)}))
		for range 3 {
			conn := in.dial("tcp")
			_, _ = io.WriteString(conn, "a:1|c\n") // ignore the error, because the daemon may already have closed the connection
			if tt.denied > 0 && !isCut(t, conn, patience) {
				t.Error("a connection that is denied stays open")
			}
		}
		eventually(t, "the lines are not read", func() bool { return in.drain().TCPConnections == 3 && in.tally.Lines == 3-tt.denied })
		in.stop()
		in.refused(map[string]uint64{"denied": tt.denied})
		if in.last.PeakConnections != int(3-tt.denied) {
			t.Errorf("%s: %d connections had a place", tt.list, in.last.PeakConnections)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	c, _ := encrypted(t)
	cfg := guarded(t, listen.TLS, c)
	cfg.PortOff = false
	in := start(t, cfg)
	var want []string
	for _, l := range in.listeners {
		want = append(want, string(l.Scheme)+"://"+l.at.String())
	}
	got := in.Addresses()
	if !slices.Equal(got, want) || len(got) != 3 || !strings.HasPrefix(got[2], "tcp+tls://127.0.0.1:") || strings.HasSuffix(got[2], ":0") {
		t.Errorf("got %q", got)
	}
}

// encrypted returns a listener's TLS settings, and the TLS settings for its clients.
func encrypted(t testing.TB) (admit.Config, *tls.Config) {
	t.Helper()
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("127.0.0.1")
	client := a.Client()
	client.ServerName = "127.0.0.1"
	return admit.Config{TLS: &certs.Server{Cert: cert, Key: key}}, client
}

func (in *running) dialTLS(config *tls.Config) *tls.Conn {
	in.t.Helper()
	conn := tls.Client(in.dial("tcp"), config)
	if err := conn.HandshakeContext(in.t.Context()); err != nil {
		in.t.Fatal(err)
	}
	return conn
}

// TestTLSLines sends lines in TLS records of various sizes, over connections that end in different
// ways.
func TestTLSLines(t *testing.T) {
	t.Parallel()
	c, client := encrypted(t)
	in := start(t, guarded(t, listen.TLS, c))
	whole, cut := in.dialTLS(client), in.dialTLS(client)
	text := strings.Repeat("a:1|c\n", 10_000) + strings.Repeat("x", maxLine+1) + "\nb:1|c"
	for at, n := 0, 1; at < len(text); at, n = at+n, n*2%20_011+1 {
		send(t, whole, text[at:min(at+n, len(text))])
	}
	_ = whole.Close()
	send(t, cut, "c:1|c\nd:1|c") // without the closing message of TLS, the last line may be incomplete
	_ = cut.NetConn().Close()
	eventually(t, "the lines are not read", func() bool { return in.drain().Lines == 10_004 && in.State().OpenConnections == 0 })
	in.stop()
	in.refused(nil)
	if in.counts["counters.a"] != 10_000 || in.counts["counters.b"] != 1 || in.counts["counters.c"] != 1 || in.counts["counters.d"] != 0 {
		t.Errorf("got %v", in.counts)
	}
	if in.tally.DiscardedSamples() != 2 {
		t.Errorf("%d samples were discarded, want the long one and the cut one", in.tally.DiscardedSamples())
	}
	if in.tally.TCPBytes != uint64(len(text))+11 {
		t.Errorf("%d bytes, want the bytes of the lines", in.tally.TCPBytes)
	}
}

// TestTLSRestEnd ends the intake. At that time some connections have sent lines, some have sent
// nothing, and some are in a TLS handshake.
func TestTLSRestEnd(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	c, client := encrypted(t)
	in := start(t, guarded(t, listen.TLS, c))
	const conns, lines = 10, 1000
	for range conns {
		conn := in.dialTLS(client)
		send(t, conn, strings.Repeat("a:1|c\n", lines), "unfinished:1|c")
	}
	in.dialTLS(client)
	for range 3 {
		in.dial("tcp") // a connection that never finishes its TLS handshake
	}
	eventually(t, "the connections are not accepted", func() bool { return in.State().OpenConnections == conns+1 })
	in.stop()
	if in.counts["counters.a"] != conns*lines {
		t.Errorf("%v samples, want %d", in.counts["counters.a"], conns*lines)
	}
	if got := in.tally.Listeners[0].Refused[listen.SlowHandshake]; got > 3 {
		t.Errorf("%d handshakes were slow", got)
	}
}

// TestTLSCut checks that silent connections are closed.
func TestTLSCut(t *testing.T) {
	t.Parallel()
	c, client := encrypted(t)
	cfg := guarded(t, listen.TLS, c)
	cfg.TCPLineTimeout = 50 * time.Millisecond
	in := start(t, cfg)
	conn := in.dialTLS(client)
	send(t, conn, "a:1|c\nb:1|c")
	if !isCut(t, conn, patience) {
		t.Error("an unfinished line is not cut")
	}
	in.stop()
	if in.tally.TCPCut[CutUnfinished] != 1 || in.counts["counters.a"] != 1 || in.counts["counters.b"] != 0 {
		t.Errorf("cut %v, counts %v", in.tally.TCPCut, in.counts)
	}
}

// TestTLSFull checks that clients that do not speak TLS do not replace clients that do.
func TestTLSFull(t *testing.T) {
	t.Parallel()
	c, client := encrypted(t)
	cfg := guarded(t, listen.TLS, c)
	cfg.Listeners[0].Max = 2
	in := start(t, cfg)
	first, second := in.dialTLS(client), in.dialTLS(client)
	eventually(t, "the connections are not accepted", func() bool { return in.State().OpenConnections == 2 })
	const others = 20
	for range others {
		conn := in.dial("tcp")
		_, _ = io.WriteString(conn, "plain:1|c\n")
		if !isCutTLS(conn) {
			t.Error("a connection without TLS stays open")
		}
	}
	for i, conn := range []net.Conn{first, second} {
		send(t, conn, "a:1|c\n")
		eventually(t, "the line is not read", func() bool { return in.drain().Lines == uint64(i)+1 })
	}
	third := in.dialTLS(client)
	if !isCut(t, first, patience) {
		t.Error("the oldest connection does not make room")
	}
	_ = third.Close()
	in.stop()
	in.refused(map[string]uint64{"bad_handshake": others})
	if in.tally.TCPCut[CutListener] != 1 || in.tally.TCPConnections != others+3 {
		t.Errorf("cut %v, %d connections", in.tally.TCPCut, in.tally.TCPConnections)
	}
}

// isCutTLS waits until the other end closes the connection. A TLS alert may come before the end.
func isCutTLS(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, conn)
	return err == nil || !os.IsTimeout(err)
}

// TestTLSFlood opens 2,000 connections that send nothing. The number of open connections stays
// limited, and a real client can still connect at once.
func TestTLSFlood(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	c, client := encrypted(t)
	in := start(t, guarded(t, listen.TLS, c))
	flood := 2000
	if limit := certs.Greeted(); limit < 512 {
		flood = 4 * limit
	}
	handshakes := uint64(certs.Greeted() / 2)
	// refused returns how many connections were closed to make room for other connections, and how many were closed in
	// all. On a busy machine, some connections are closed because of a slow handshake: the first handshakes can time
	// out before the last connection is opened.
	refused := func() (crowded, all uint64) {
		in.drain()
		of := &in.tally.Listeners[0].Refused
		return of[listen.Crowded], of[listen.Crowded] + of[listen.SlowHandshake]
	}
	for range flood {
		in.dial("tcp")
	}
	eventually(t, "the flood is not bounded", func() bool {
		crowded, all := refused()
		return crowded > 0 && all >= uint64(flood)-handshakes
	})
	send(t, in.dialTLS(client), "a:1|c\n")
	eventually(t, "a client that speaks does not get through", func() bool { return in.drain().Lines == 1 })
	eventually(t, "silent connections stay", func() bool { _, all := refused(); return all >= uint64(flood) })
	if _, all := refused(); all != uint64(flood) {
		t.Errorf("%d were refused, want %d", all, flood)
	}
	in.stop()
	if in.last.PeakConnections != 1 {
		t.Errorf("%d connections had a place", in.last.PeakConnections)
	}
}

// TestGuardsFollow changes keys while clients send datagrams.
func TestGuardsFollow(t *testing.T) {
	t.Parallel()
	const newKey = "the new key of this test"
	first := guarded(t, listen.HMAC, admit.Config{KeyFile: keyFile(t, hmacKey)})
	both := guarded(t, listen.HMAC, admit.Config{KeyFile: keyFile(t, newKey, hmacKey)})
	last := guarded(t, listen.HMAC, admit.Config{KeyFile: keyFile(t, newKey)})
	in := start(t, first)
	conn, ofOld, ofNew := in.dial("udp"), signed(hmacKey, 0), signed(newKey, 0)
	datagrams := uint64(0)
	for i, limits := range []Limits{first.Limits, both.Limits, last.Limits} {
		if i > 0 {
			in.Change(limits)
		}
		send(t, conn, ofOld("old:1|c"), ofNew("new:1|c"))
		datagrams += 2
		eventually(t, "the datagrams are not read", func() bool { return in.drain().UDPPackets == datagrams })
	}
	in.stop()
	in.refused(map[string]uint64{"bad_auth": 2, "old_key": 1})
	if in.counts["counters.old"] != 2 || in.counts["counters.new"] != 2 {
		t.Errorf("got %v", in.counts)
	}
}

// traffic returns datagrams of the given size: counters, timers, gauges and sets of 10,000 names.
func traffic(size int) (all []string) {
	random := rand.New(rand.NewPCG(1, 2))
	line := func() string {
		n := random.IntN(10_000)
		kind := []string{"%d|c", "%d|ms", "%d|g", "user%d|s"}[[]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3}[n%20]]
		return fmt.Sprintf("app.web-%02d.api.v2.users.get.status_%04d:"+kind+"\n", n%50, n, random.IntN(1000))
	}
	for range 512 {
		var text string
		for next := line(); len(text)+len(next) < size; next = line() {
			text += next
		}
		all = append(all, text)
	}
	return all
}

// BenchmarkGuard reads datagrams of 1,432 bytes from a socket into the table: without a guard, with
// a list of addresses, and with signatures. One operation is one datagram.
func BenchmarkGuard(b *testing.B) {
	const size, overhead = 1432, 44
	sign := signed(hmacKey, 0)
	plain := func(lines string) string { return lines }
	for _, bb := range []struct {
		name   string
		scheme listen.Scheme
		admit.Config
		size int
		sign func(string) string
	}{
		{"plain", listen.UDP, admit.Config{}, size, plain},
		{"allow", listen.UDP, admit.Config{Allow: addresses(b, "10.0.0.0/8,127.0.0.0/8,192.168.0.0/16")}, size, plain},
		{"hmac", listen.HMAC, admit.Config{KeyFile: keyFile(b, hmacKey), Drift: 10 * time.Minute}, size - overhead, sign},
	} {
		b.Run(bb.name, func(b *testing.B) {
			cfg := guarded(b, bb.scheme, bb.Config)
			cfg.Listeners[0].Receivers = 1
			in, err := Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			datagrams := traffic(bb.size)
			t := receiveTimed(b, in, smallestBuffer, func(client net.Conn, i int) error {
				_, err := client.Write([]byte(bb.sign(datagrams[i%len(datagrams)])))
				return err
			})
			b.ReportMetric(float64(t.Lines)/float64(t.UDPPackets), "lines/op")
		})
	}
}
