// Package gate keeps a small server responsive when clients connect and stay silent.
//
//	g, err := gate.Listen("127.0.0.1:8125")
//	g.Watch(&server) // server is an http.Server that does not serve yet
//	err = server.Serve(g)
//	...
//	g.Wait() // after the server's Shutdown or Close
//
// A Gate is a listener with at most MaxConns open connections, each of which uses a slot. When a new client connects
// and all slots are in use, the Gate closes the most overdue connection. A connection is overdue if its client has
// closed it, sends no request, or does not read its answer. A client that has shut down only its sending half looks like
// a client that has closed the connection, and is treated in the same way. A server for another protocol than HTTP must
// call Conn.Asked and Conn.Answered itself.
package gate

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/bind"
	"github.com/statsd-ops/statsd/internal/descriptors"
)

const (
	// MaxConns is the maximum number of open connections of a Gate. The limit is lower if the process has a low limit
	// of open files.
	MaxConns = 32
	// AnswerPatience is the time in which a client must read its answer while another client waits for
	// a connection slot.
	AnswerPatience = time.Second
	// clientPatience is how long a client may be silent while another client waits for a slot. It
	// applies before the request, and before the client reads more of a large answer. Clients send
	// their request when they connect, so 15 ms are enough. 1,000 silent clients delay other clients
	// by 1,000/32 x 15 ms in total.
	clientPatience = 15 * time.Millisecond
	// acceptAgain is the delay before the next attempt to accept if no file descriptor was free.
	// tellEvery is the minimum time between two messages about this shortage.
	acceptAgain = 100 * time.Millisecond
	tellEvery   = time.Minute
	// writeBuffer is the size of the kernel's send buffer of a connection, in bytes. Unread data in
	// the buffer is lost when the connection is closed. This size allows 2.5 MB/s at a round trip time
	// of 100 ms.
	writeBuffer = 128 << 10
)

// Gate is a listener with at most MaxConns open connections. When a new client connects and all
// slots are in use, the Gate closes the most overdue connection. Silent clients, from any number of
// addresses, therefore delay other clients only briefly.
type Gate struct {
	*net.TCPListener
	loopback netip.Addr // the bound address, if it is a loopback address
	closed   chan struct{}
	room     chan struct{}  // wakes Accept when a connection was closed or has become overdue
	serving  sync.WaitGroup // connections that a goroutine of the server still handles

	// Tell is called when no file descriptor is free for a client, at most once a minute. Set it before the first call
	// of Accept.
	Tell      func(error)
	told      time.Time
	shortages atomic.Uint64

	max    int // maximum number of open connections
	mu     sync.Mutex
	guests map[*Conn]bool
	once   sync.Once
}

// Conn is an open connection that a Gate has accepted.
type Conn struct {
	*net.TCPConn
	gate *Gate
	gone chan struct{} // closed when the Gate or the server closes the connection

	// The field gate.mu guards the following fields.
	patience time.Time     // time from which the connection may be closed for another client
	waited   time.Duration // total time spent on waiting for requests of the client
	reading  time.Time     // start of the current Read
	asked    bool          // the request is complete, but the answer is not
	ended    bool          // the client has closed the connection or its sending half
	answer   time.Time     // time until which the client must have read the answer
	written  int           // bytes written in answers
	stays    bool          // never closed for another client: see Stay
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

// Answers reports whether requests to host may be answered. A Gate on a loopback address answers
// requests to localhost, 127.0.0.1, [::1] and its own address. A request to another host comes from
// a web page in a browser on this machine. The page's host name was made to resolve to the loopback
// address (DNS rebinding).
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

// Close closes the listening socket, so that Accept returns. Open connections stay open.
func (g *Gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.TCPListener.Close()
}

// Cut closes all open connections at once. It does not wait for clients that do not read, unlike the Close of a TLS
// connection, which first sends its last message.
func (g *Gate) Cut() {
	g.mu.Lock()
	open := slices.Collect(maps.Keys(g.guests))
	g.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // fails only if the connection is closed already
	}
}

// Close closes the connection and frees its slot.
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

// tell wakes Accept after a connection was closed or has become overdue.
func (g *Gate) tell() {
	select {
	case g.room <- struct{}{}:
	default:
	}
}

// wait sets the time from which c may be closed for another client. It has no effect if c's client
// has closed its sending half, or if Stay was called for c.
func (c *Conn) wait(until time.Time) {
	if !c.ended && !c.stays {
		c.patience = until
	}
}

// Read measures how long the server waits for data from the client. The time counts only from the call of Read: if the
// server is busy and reads late, this is not the client's fault.
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

// Write measures how long the server waits for the client to read its answer. This matters only for answers larger than
// the kernel's buffer: writing a smaller answer never blocks.
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

// Asked tells the Gate that the request of c is complete. Until the server calls Answered, the Gate
// measures only how fast the client reads the answer.
func (c *Conn) Asked() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.asked = true
	c.answer = time.Now().Add(AnswerPatience)
	c.wait(c.answer)
}

// Answered tells the Gate that the client has received the answer and may send another request.
// Only servers with several requests per connection must call it.
func (c *Conn) Answered() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.asked = false
}
