// Package gate keeps a small server responsive when clients connect and stay silent.
//
//	g, err := gate.Listen("127.0.0.1:8125")
//	g.Watch(&server) // an HTTP server, before it serves
//	err = server.Serve(g)
//	...
//	g.Wait() // after the server's Shutdown or Close
//
// A Gate is a listener with at most MaxConns open connections. When a newcomer finds it
// full, the Gate closes the connection that is most overdue: one whose client has closed,
// sends no request, or does not read its answer. A client that has shut down only its sending half looks like a client
// that has closed, and is treated the same. A server of another protocol than HTTP calls Conn.Asked and Conn.Answered
// itself.
package gate

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/bind"
	"github.com/statsd-ops/statsd/internal/descriptors"
)

const (
	// MaxConns is the largest number of open connections. A Gate has fewer where few files may be open.
	MaxConns = 32
	// AnswerPatience is how long a client may take to get its answer while another client
	// waits for a place.
	AnswerPatience = time.Second
	// clientPatience is how long a client may be silent while another waits: before its request, or
	// before it reads more of a large answer. Clients send their request when they connect, so 15 ms
	// are enough. 1,000 silent clients take 15 ms x 1,000/32.
	clientPatience = 15 * time.Millisecond
	// acceptAgain is the time until the next attempt when no file descriptor was free. tellEvery is the least time
	// between two messages about that.
	acceptAgain = 100 * time.Millisecond
	tellEvery   = time.Minute
	// writeBuffer is the number of bytes that the kernel buffers for a client that does not read. They are lost when
	// the connection is closed. The size allows 2.5 MB/s at a round trip of 100 ms.
	writeBuffer = 128 << 10
)

// Gate is a listener with at most MaxConns open connections. When a newcomer finds it full,
// the most overdue connection is closed to make room. So a silent client, at any address, costs others only a short
// wait.
type Gate struct {
	*net.TCPListener
	loopback netip.Addr // the bound address if it is a loopback address
	closed   chan struct{}
	room     chan struct{}  // wakes Accept when a guest leaves, or may be closed at once
	serving  sync.WaitGroup // connections for which a goroutine still works

	// Tell is called, at most once a minute, when no file descriptor is free for a client. It may be set before the
	// first Accept.
	Tell      func(error)
	told      time.Time
	shortages atomic.Uint64

	max    int // open connections
	mu     sync.Mutex
	guests map[*Conn]bool
	once   sync.Once
}

// Conn is an open connection that a Gate has accepted.
type Conn struct {
	*net.TCPConn
	gate *Gate
	gone chan struct{} // closed when the connection loses its place

	// gate.mu guards these.
	patience time.Time     // when it may first be closed for another
	waited   time.Duration // total time spent waiting for its requests
	reading  time.Time     // when the current read began
	asked    bool          // its request is complete, but its answer is not
	ended    bool          // its client has closed, or sends nothing more
	answer   time.Time     // deadline for the answer
	written  int           // bytes of answers
	stays    bool          // it keeps its place: see Stay
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
		max:         descriptors.Share(MaxConns),
	}
	if bound, err := netip.ParseAddrPort(l.Addr().String()); err == nil && bound.Addr().IsLoopback() {
		g.loopback = bound.Addr()
	}
	return g, nil
}

// Answers reports whether requests to host may be answered. A Gate on a loopback address
// answers requests to localhost, 127.0.0.1, [::1] and that address. A request to another
// host comes from a web page whose name was made to resolve to this machine (DNS rebinding).
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

// Open returns the number of open connections.
func (g *Gate) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.guests)
}

// Wait returns when the server has finished its work for all connections.
func (g *Gate) Wait() { g.serving.Wait() }

// Close ends Accept. Open connections stay open.
func (g *Gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.TCPListener.Close()
}

// Close closes the connection and frees its place.
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

// tell wakes Accept, because there may be room.
func (g *Gate) tell() {
	select {
	case g.room <- struct{}{}:
	default:
	}
}

// wait lets c stay until the given time, unless its client has ended or it keeps its place anyway.
func (c *Conn) wait(until time.Time) {
	if !c.ended && !c.stays {
		c.patience = until
	}
}

// Read measures how long the client makes the server wait. The time before a busy server calls Read
// does not count.
func (c *Conn) Read(p []byte) (int, error) {
	c.gate.mu.Lock()
	if c.reading = time.Now(); !c.asked {
		c.wait(c.reading.Add(clientPatience - c.waited))
	}
	c.gate.mu.Unlock()
	n, err := c.TCPConn.Read(p)
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if now := time.Now(); !c.asked {
		c.waited += now.Sub(c.reading)
		c.wait(now.Add(AnswerPatience))
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.ended, c.patience = true, time.Time{}
		c.gate.tell()
	}
	return n, err
}

// Write measures how long the client leaves its answer unread, once the answer is larger
// than the kernel's buffer. A smaller answer never waits for its client.
func (c *Conn) Write(p []byte) (int, error) {
	c.gate.mu.Lock()
	until := time.Now().Add(clientPatience)
	if c.written += len(p); c.asked && c.written > writeBuffer && until.Before(c.answer) {
		c.wait(until)
	}
	c.gate.mu.Unlock()
	n, err := c.TCPConn.Write(p)
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.asked {
		c.wait(c.answer)
	}
	return n, err
}

// Asked tells the Gate that the request of c is complete. Until Answered, the client only
// has to read its answer.
func (c *Conn) Asked() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.asked = true
	c.answer = time.Now().Add(AnswerPatience)
	c.wait(c.answer)
}

// Answered tells the Gate that c has its answer, and may send its next request. Only a
// server that keeps connections open needs it.
func (c *Conn) Answered() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.asked = false
}
