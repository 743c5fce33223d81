package tcp

import (
	"net"
	"sync"
	"time"
)

// guest is an accepted connection. Its peer may or may not be an edge.
type guest struct {
	conn   net.Conn
	since  time.Time // when the connection was accepted, or when its peer was last proved to be an edge
	proved bool      // the peer has proved that it knows a key, or has sent a message that was stored
}

// guests limits the number of connections. When the limit is reached, guests closes an old
// connection for each new connection. It first closes a connection that is not proved to be from an
// edge. If all connections are proved, it closes the connection whose last stored message is
// oldest. So silent connections cannot keep edges out.
type guests struct {
	most    int
	evict   func(net.Conn) // closes a connection
	serving sync.WaitGroup

	mu     sync.Mutex
	closed bool
	in     map[*guest]bool
}

func newGuests(most int, evict func(net.Conn)) *guests {
	return &guests{most: most, evict: evict, in: make(map[*guest]bool)}
}

// serve adds a connection, and runs the function work for it in a new goroutine. After work has returned, the
// connection is closed. serve returns false if guests is closed.
func (g *guests) serve(new *guest, work func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if len(g.in) >= g.most {
		least := g.least()
		delete(g.in, least)
		g.evict(least.conn)
	}
	g.in[new] = true
	g.serving.Go(func() { // with the lock held, so that close waits for this goroutine too
		defer g.leave(new)
		work()
	})
	return true
}

// least returns the connection to close first.
func (g *guests) least() (least *guest) {
	for one := range g.in {
		if least == nil || !one.proved && least.proved || one.proved == least.proved && one.since.Before(least.since) {
			least = one
		}
	}
	return least
}

// prove records that a connection is from an edge.
func (g *guests) prove(one *guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one.proved, one.since = true, time.Now()
}

func (g *guests) leave(one *guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.in, one)
	_ = one.conn.Close()
}

// close closes all connections and waits until their goroutines have ended.
func (g *guests) close() {
	g.mu.Lock()
	g.closed = true
	for one := range g.in {
		_ = one.conn.Close()
	}
	g.mu.Unlock()
	g.serving.Wait()
}

// places limits the number of connections that do the same work at the same time. If a connection has worked for longer
// than the duration patience while other connections wait, places closes it.
type places struct {
	most     int
	patience time.Duration
	evict    func(net.Conn) // closes a connection

	mu    sync.Mutex
	in    map[net.Conn]time.Time
	freed chan struct{} // wakes a waiting connection
}

func newPlaces(most int, patience time.Duration, evict func(net.Conn)) *places {
	return &places{most: most, patience: patience, evict: evict, in: make(map[net.Conn]time.Time), freed: make(chan struct{}, 1)}
}

// enter waits until there is a place for the connection conn. If the slowest connection has worked for longer than the
// duration patience, enter closes the slowest connection and gives its place to conn.
func (p *places) enter(conn net.Conn) {
	for {
		wait := p.try(conn)
		if wait == 0 {
			return
		}
		select {
		case <-p.freed:
		case <-time.After(wait):
		}
	}
}

// try gives the connection conn a place, and returns 0. If no place is available yet, try returns how
// long to wait.
func (p *places) try(conn net.Conn) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if len(p.in) >= p.most {
		slowest := p.slowest()
		if wait := p.in[slowest].Add(p.patience).Sub(now); wait > 0 {
			return wait
		}
		delete(p.in, slowest)
		p.evict(slowest)
	}
	p.in[conn] = now
	return 0
}

func (p *places) slowest() (slowest net.Conn) {
	for conn, since := range p.in {
		if slowest == nil || since.Before(p.in[slowest]) {
			slowest = conn
		}
	}
	return slowest
}

func (p *places) leave(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, in := p.in[conn]; !in {
		return
	}
	delete(p.in, conn)
	select {
	case p.freed <- struct{}{}:
	default:
	}
}
