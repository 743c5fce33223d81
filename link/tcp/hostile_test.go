package tcp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
)

func dial(t testing.TB, e *Engine) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", e.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// greeted connects to an Engine that has no key, completes the handshake, and returns the connection.
func greeted(t testing.TB, e *Engine) net.Conn {
	t.Helper()
	conn := dial(t, e)
	if _, err := greetCentral(newWire(conn), nil); err != nil {
		t.Fatal(err)
	}
	return conn
}

func frame(kind byte, size int, body ...byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(size+1)), kind), body...)
}

// must sends a message, and repeats it until it is stored.
func must(t *testing.T, s link.Sender) {
	t.Helper()
	ctx := patience(t)
	err := s.Send(ctx, link.Message{Data: []byte("good")})
	for err != nil && ctx.Err() == nil {
		err = s.Send(ctx, link.Message{Data: []byte("good")})
	}
	if err != nil {
		t.Error(err)
	}
}

// TestHostile sends bytes that no edge sends. The central closes the connection, and still serves
// other connections.
func TestHostile(t *testing.T) {
	t.Parallel()
	e := central(t, Config{})
	join(t, e)
	hello := slices.Concat([]byte(protocol), []byte{version}, make([]byte, nonceSize))
	for name, bytes := range map[string][]byte{
		"lines":                   []byte("a:1|c\nb:2|c\n"),
		"HTTP":                    []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"TLS":                     {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3},
		"zeros":                   make([]byte, 1000),
		"the longest frame":       {0xff, 0xff, 0xff, 0xff, kindHello},
		"another version":         slices.Concat(frame(kindHello, len(hello)), []byte(protocol), []byte{version + 1}, make([]byte, nonceSize)),
		"another program":         frame(kindHello, 4, []byte("abcd")...),
		"a message first":         frame(kindMessage, 20, make([]byte, 20)...),
		"no proof":                slices.Concat(frame(kindHello, len(hello), hello...), frame(kindMessage, 20, make([]byte, 20)...)),
		"a proof with bytes":      slices.Concat(frame(kindHello, len(hello), hello...), frame(kindProof, 3, 1, 2, 3)),
		"another frame afterward": slices.Concat(frame(kindHello, len(hello), hello...), frame(kindProof, 0), frame('X', 20, make([]byte, 20)...)),
		"a short message":         slices.Concat(frame(kindHello, len(hello), hello...), frame(kindProof, 0), frame(kindMessage, 3, 1, 2, 3)),
		"a message too large":     slices.Concat(frame(kindHello, len(hello), hello...), frame(kindProof, 0), frame(kindMessage, maxFrame+1)),
	} {
		conn := dial(t, e)
		if _, err := conn.Write(bytes); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait.Patience))
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection stays open: %v", name, err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		conn := dial(t, e)
		if random.IntN(2) == 0 {
			_, _ = conn.Write(slices.Concat(frame(kindHello, len(hello), hello...), frame(kindProof, 0)))
		}
		garbage := make([]byte, random.IntN(100))
		for i := range garbage {
			garbage[i] = byte(random.Uint32())
		}
		_, _ = conn.Write(garbage)
		_ = conn.Close()
	}
	must(t, edge(t, SenderConfig{Address: e.addr()}))
	if s, _ := e.Partition(0).State(t.Context()); s.Last != 1 {
		t.Errorf("%d messages are stored", s.Last)
	}
}

// TestSilent opens the maximum number of connections, and sends nothing on them. The central closes
// some of them when edges connect.
func TestSilent(t *testing.T) {
	t.Parallel()
	told := make(chan error, 10)
	e := central(t, Config{MaxEdges: 20, Tell: func(err error) { told <- err }})
	join(t, e)
	old := edge(t, SenderConfig{Address: e.addr()})
	must(t, old)
	for range 50 {
		dial(t, e)
		greeted(t, e)
	}
	before := e.Stats()
	must(t, old)
	if after := e.Stats(); after.Accepted != before.Accepted {
		t.Error("an edge that sends has lost its connection")
	}
	for range 10 {
		must(t, edge(t, SenderConfig{Address: e.addr()}))
	}
	if s := e.Stats(); s.Evicted < 80 {
		t.Errorf("%+v", s)
	}
	if err := <-told; !strings.Contains(err.Error(), "to serve another edge daemon: the maximum of 20 connections is reached") {
		t.Errorf("the central daemon reports %v", err)
	}
}

// TestSlow begins to send more than largeAtOnce large messages, and never completes these messages. A large message of
// an edge is stored nevertheless. The central daemon needs no memory for bytes that were not sent.
func TestSlow(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	told := make(chan error, 10)
	e := central(t, Config{Tell: func(err error) { told <- err }})
	join(t, e)
	for range largeAtOnce + 20 {
		conn := greeted(t, e)
		if _, err := conn.Write(frame(kindMessage, maxFrame, make([]byte, 1000)...)); err != nil {
			t.Fatal(err)
		}
	}
	s := edge(t, SenderConfig{Address: e.addr()})
	must(t, s) // small messages do not need to wait
	ctx := patience(t)
	m := link.Message{Data: make([]byte, maxMessage)}
	err := s.Send(ctx, m)
	for err != nil && ctx.Err() == nil {
		err = s.Send(ctx, m)
	}
	if err != nil {
		t.Error(err)
	}
	wait.Until(t, "fewer than 20 slow clients are evicted", func() bool { return e.Stats().Evicted >= 20 })
	if err := <-told; !strings.Contains(err.Error(), "64 large messages arrive at the same time") {
		t.Errorf("the central daemon reports %v", err)
	}
}

// TestDeaf sends messages and does not read the answers. This does not affect other connections.
func TestDeaf(t *testing.T) {
	t.Parallel()
	e := central(t, Config{MaxBytes: 64 << 20})
	join(t, e)
	conn := greeted(t, e)
	_ = conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	message := frame(kindMessage, messageHead+1, make([]byte, messageHead+1)...)
	for _, err := conn.Write(message); err == nil; {
		_, err = conn.Write(message)
	}
	must(t, edge(t, SenderConfig{Address: e.addr()}))
}

func keysOf(all ...string) Keys {
	return func() (keys [][]byte, err error) {
		for _, k := range all {
			keys = append(keys, []byte(k))
		}
		return keys, nil
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		central, edge Keys
		want          string // part of the edge's error
	}{
		{"the newest", keysOf("new", "old"), keysOf("new"), ""},
		{"an older one", keysOf("new", "old"), keysOf("old", "oldest"), ""},
		{"another", keysOf("new", "old"), keysOf("x"), "not among the central daemon's keys"},
		{"none at the edge", keysOf("new"), nil, "this daemon has no key"},
		{"none at the central", nil, keysOf("new"), "the central daemon has no key"},
		{"unreadable at the edge", keysOf("new"), func() ([][]byte, error) { return nil, io.ErrNoProgress }, io.ErrNoProgress.Error()},
		{"unreadable at the central", func() ([][]byte, error) { return nil, io.ErrNoProgress }, keysOf("new"), "cannot read its keys"},
		{"empty", func() ([][]byte, error) { return nil, nil }, keysOf("new"), "cannot read its keys"},
	} {
		told := make(chan error, 10)
		e := central(t, Config{Keys: tt.central, Tell: func(err error) { told <- err }})
		join(t, e)
		s := edge(t, SenderConfig{Address: e.addr(), Keys: tt.edge})
		err := s.Send(patience(t), link.Message{Data: []byte("x")})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if tt.name == "another" {
			if err := <-told; !strings.Contains(err.Error(), ": its key is not among") || !strings.Contains(err.Error(), "refused the edge daemon at 127.0.0.1") {
				t.Errorf("the central daemon reports %v", err)
			}
		}
	}
}

// TestRotate changes the keys while the edge and the central run.
func TestRotate(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	all := map[string][]string{"central": {"old"}, "edge": {"old"}}
	keys := func(side string) Keys {
		return func() ([][]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			return keysOf(all[side]...)()
		}
	}
	set := func(side string, k ...string) { mu.Lock(); defer mu.Unlock(); all[side] = k }
	e := central(t, Config{Keys: keys("central")})
	join(t, e)
	for _, step := range []func(){
		func() {}, func() { set("central", "new", "old") }, func() { set("edge", "new") }, func() { set("central", "new") },
	} {
		step()
		must(t, edge(t, SenderConfig{Address: e.addr(), Keys: keys("edge")}))
	}
}

// between relays bytes in both directions. The function change may modify them.
func between(t *testing.T, e *Engine, change func(up bool, b []byte)) (addr string) {
	l := listen(t, "127.0.0.1:0")
	t.Cleanup(func() { _ = l.Close() })
	pass := func(to, from net.Conn, up bool) {
		defer to.Close()
		defer from.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := from.Read(b)
			if err != nil {
				return
			}
			change(up, b[:n])
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", e.addr())
			if err != nil {
				return
			}
			go pass(up, conn, true)
			go pass(conn, up, false)
		}
	}()
	return l.Addr().String()
}

// TestTamper modifies a message or an answer between edge and central. The receiver must not accept
// the modified bytes.
func TestTamper(t *testing.T) {
	t.Parallel()
	keys := keysOf("the key of both")
	e := central(t, Config{Keys: keys})
	join(t, e)
	for _, upward := range []bool{true, false} {
		addr := between(t, e, func(up bool, b []byte) {
			kind := byte(kindAnswer)
			if up {
				kind = kindMessage
			}
			if up == upward && len(b) > frameHead && b[4] == kind {
				b[len(b)-sealSize-1] ^= 1
			}
		})
		s := edge(t, SenderConfig{Address: addr, Keys: keys})
		if err := s.Send(patience(t), link.Message{Data: []byte("x")}); err == nil {
			t.Errorf("upward %v: a changed frame is accepted", upward)
		}
	}
	if s, _ := e.Partition(0).State(t.Context()); s.Last > 1 {
		t.Errorf("%d messages are stored", s.Last)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	authority, other := counterpart.NewAuthority(t), counterpart.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	admit := func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		encrypted := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}})
		return encrypted, encrypted.HandshakeContext(ctx)
	}
	e := central(t, Config{Admit: admit})
	join(t, e)
	client := func(a *counterpart.Authority) func(string) (*tls.Config, error) {
		return func(string) (*tls.Config, error) {
			c := a.Client()
			c.ServerName = "127.0.0.1"
			return c, nil
		}
	}
	must(t, edge(t, SenderConfig{Address: e.addr(), TLS: client(authority)}))
	for name, cfg := range map[string]SenderConfig{
		"another authority": {TLS: client(other)},
		"no TLS":            {},
	} {
		cfg.Address = e.addr()
		ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
		if err := edge(t, cfg).Send(ctx, link.Message{Data: []byte("x")}); err == nil {
			t.Errorf("%s: sent", name)
		}
		cancel()
	}
}
