// Package gate keeps a small server answering while clients hang about.
//
//	g, err := gate.Listen("127.0.0.1:8125")
//	g.Watch(&server) // an HTTP server, before it serves
//	err = server.Serve(g)
//	...
//	g.Wait() // after the server's Shutdown or Close
//
// A Gate is a listener with at most Most open connections. Whoever connects and
// does not ask, or does not read its answer, makes room for a newcomer, and first of all
// who has closed, or has only shut its sending half down: from here they look the same. A server
// of another protocol calls Conn.Asked and Conn.Answered itself.
package gate

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/bind"
)

const (
	// Most is how many connections are open at a time.
	Most = 32
	// AnswerPatience is how long a client may take for its answer, when another waits
	// for its place.
	AnswerPatience = time.Second
	// clientPatience is how long it may keep us waiting then: for its request, or to take more
	// of a large answer. A client that wants something says so as it connects, so
	// 15 ms are plenty; and 1,000 clients that keep still are through in 15 ms x 1,000/32.
	clientPatience = 15 * time.Millisecond
	// writeBuffer is how many bytes the kernel takes for a client that does not read:
	// what they cost to make is lost when it is closed. It lets 2.5 MB/s through over 100 ms.
	writeBuffer = 128 << 10
)

// Gate is a listener with at most Most open connections. When a newcomer
// finds it full, the connection that has tried its patience longest is closed
// instead of it: whoever hangs about unasking costs others no more than a
// short wait, wherever it comes from.
type Gate struct {
	*net.TCPListener
	loopback netip.Addr // the bound address, if it is one
	closed   chan struct{}
	room     chan struct{}  // told, if it listens, when a guest leaves, or may be closed at once
	serving  sync.WaitGroup // guests that a goroutine still works for

	mu     sync.Mutex
	guests map[*Conn]bool
	once   sync.Once
}

// Conn is an open connection that a Gate has accepted.
type Conn struct {
	*net.TCPConn
	gate *Gate
	gone chan struct{} // closed when it is no guest any more

	// These are under gate.mu.
	patience time.Time     // from when on it may be closed for another
	waited   time.Duration // for its requests, so far
	reading  time.Time     // since when we wait for more of one
	answered bool          // its request is complete
	ended    bool          // its client has closed, or says nothing more
	answer   time.Time     // until when it has time for the answer
	written  int           // bytes of answers
}

// Listen returns a Gate that listens at address, a "host:port".
func Listen(address string) (*Gate, error) {
	l, err := bind.TCP(address)
	if err != nil {
		return nil, err
	}
	g := &Gate{
		TCPListener: l,
		closed:      make(chan struct{}),
		room:        make(chan struct{}, 1),
		guests:      make(map[*Conn]bool),
	}
	if bound, err := netip.ParseAddrPort(l.Addr().String()); err == nil && bound.Addr().IsLoopback() {
		g.loopback = bound.Addr()
	}
	return g, nil
}

// Answers reports whether requests made to host may be answered: on a loopback
// address those to localhost, 127.0.0.1, [::1] or that address. Another host is
// a web page that had its name resolve to this machine (DNS rebinding).
func (g *Gate) Answers(host string) bool {
	if !g.loopback.IsValid() {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && (ip == g.loopback || ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || ip == netip.IPv6Loopback())
}

// Accept waits for a connection, then for room.
func (g *Gate) Accept() (net.Conn, error) {
	conn, err := g.AcceptTCP()
	if err != nil {
		return nil, err
	}
	for {
		// Patience can end sooner than it looks now: see Conn.Read.
		in, wait := g.enter(conn)
		if in != nil {
			return in, nil
		}
		select {
		case <-time.After(min(wait, clientPatience)):
		case <-g.room:
		case <-g.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
}

// enter makes conn a guest, or says how long all guests have to be left alone.
func (g *Gate) enter(conn *net.TCPConn) (*Conn, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if len(g.guests) >= Most {
		first := g.leastPatience()
		if wait := first.patience.Sub(now); wait > 0 {
			return nil, wait
		}
		delete(g.guests, first)
		// What it did not read is not to stay with the kernel.
		_ = first.SetLinger(0)
		_ = first.TCPConn.Close()
		close(first.gone)
	}
	_ = conn.SetWriteBuffer(writeBuffer) // what it cannot have it does without
	in := &Conn{TCPConn: conn, gate: g, gone: make(chan struct{}), patience: now.Add(AnswerPatience)}
	g.guests[in] = true
	return in, 0
}

// Open returns how many connections are open.
func (g *Gate) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.guests)
}

// Wait returns when the server works for no connection any more.
func (g *Gate) Wait() { g.serving.Wait() }

func (g *Gate) leastPatience() (first *Conn) {
	for c := range g.guests {
		if first == nil || c.patience.Before(first.patience) {
			first = c
		}
	}
	return first
}

// Close ends Accept. It leaves the guests alone.
func (g *Gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.TCPListener.Close()
}

// Close closes the connection and makes its place free.
func (c *Conn) Close() error {
	c.gate.mu.Lock()
	if c.gate.guests[c] {
		delete(c.gate.guests, c)
		close(c.gone)
	}
	c.gate.mu.Unlock()
	c.gate.tell()
	return c.TCPConn.Close()
}

// tell says that there may be room.
func (g *Gate) tell() {
	select {
	case g.room <- struct{}{}:
	default:
	}
}

// wait lets c stay until then, unless its client has ended.
func (c *Conn) wait(until time.Time) {
	if !c.ended {
		c.patience = until
	}
}

// Read measures how long the client keeps us waiting: not how long it takes us
// to get round to it, of which the client may well be the victim.
func (c *Conn) Read(p []byte) (int, error) {
	c.gate.mu.Lock()
	if c.reading = time.Now(); !c.answered {
		c.wait(c.reading.Add(clientPatience - c.waited))
	}
	c.gate.mu.Unlock()
	n, err := c.TCPConn.Read(p)
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if now := time.Now(); !c.answered {
		c.waited += now.Sub(c.reading)
		c.wait(now.Add(AnswerPatience))
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.ended, c.patience = true, time.Time{}
		c.gate.tell()
	}
	return n, err
}

// Write measures how long the client leaves its answer lying, once there is more of it
// than the kernel takes: a small answer waits for nobody.
func (c *Conn) Write(p []byte) (int, error) {
	c.gate.mu.Lock()
	until := time.Now().Add(clientPatience)
	if c.written += len(p); c.answered && c.written > writeBuffer && until.Before(c.answer) {
		c.wait(until)
	}
	c.gate.mu.Unlock()
	n, err := c.TCPConn.Write(p)
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.answered {
		c.wait(c.answer)
	}
	return n, err
}

// Asked says that the request of c is complete: until Answered nothing is
// expected of the client but to take its answer.
func (c *Conn) Asked() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.answered = true
	c.answer = time.Now().Add(AnswerPatience)
	c.wait(c.answer)
}

// Answered says that c has its answer, and that the next request is waited for.
// Only a server that keeps its connections open needs it.
func (c *Conn) Answered() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.answered = false
}
