package tcp

import (
	"net"
	"sync"
	"time"
)

// guest is a connection that was accepted. It may not be an edge's.
type guest struct {
	conn   net.Conn
	since  time.Time // when it came, or when it last proved to be an edge
	proved bool      // it has proved a key, or has sent a message that was stored
}

// guests limits the number of connections. If there is no room for a new connection, it closes another one: first a
// connection that has not proved to be an edge, otherwise the connection whose last stored message is oldest. So silent
// connections do not keep edges out.
type guests struct {
	most    int
	evict   func(net.Conn) // closes the connection
	serving sync.WaitGroup

	mu     sync.Mutex
	closed bool
	in     map[*guest]bool
}

func newGuests(most int, evict func(net.Conn)) *guests {
	return &guests{most: most, evict: evict, in: make(map[*guest]bool)}
}

// enter gives a connection a place. It returns false after close.
func (g *guests) enter(new *guest) bool {
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
	return true
}

// least returns the guest to close first.
func (g *guests) least() (least *guest) {
	for one := range g.in {
		if least == nil || !one.proved && least.proved || one.proved == least.proved && one.since.Before(least.since) {
			least = one
		}
	}
	return least
}

// prove records that a guest has proved to be an edge.
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

// close closes all connections and waits for the end of their goroutines.
func (g *guests) close() {
	g.mu.Lock()
	g.closed = true
	for one := range g.in {
		_ = one.conn.Close()
	}
	g.mu.Unlock()
	g.serving.Wait()
}

// places limits the number of connections that do the same work at once. A connection that is slow at this work is
// closed if another connection waits.
type places struct {
	most     int
	patience time.Duration
	evict    func(net.Conn) // closes the connection

	mu    sync.Mutex
	in    map[net.Conn]time.Time
	freed chan struct{} // wakes one waiting connection
}

func newPlaces(most int, patience time.Duration, evict func(net.Conn)) *places {
	return &places{most: most, patience: patience, evict: evict, in: make(map[net.Conn]time.Time), freed: make(chan struct{}, 1)}
}

// enter waits for a place. If it waits too long, the slowest connection loses its place.
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

// try takes a place, or returns the time to wait for one.
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
