package gate

import (
	"fmt"
	"net"
	"time"

	"github.com/statsd-ops/statsd/internal/descriptors"
)

// Accept waits for a new connection. It then waits until the Gate has a free connection slot.
func (g *Gate) Accept() (net.Conn, error) {
	conn, err := g.acceptPatiently()
	if err != nil {
		return nil, err
	}
	for {
		// Try again after each wait, because another connection may become overdue earlier than expected: see
		// Conn.Read.
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

// acceptPatiently accepts a connection. While no file descriptor is free, it waits and tries again.
func (g *Gate) acceptPatiently() (*net.TCPConn, error) {
	for {
		conn, err := g.AcceptTCP()
		if !descriptors.Exhausted(err) {
			return conn, err
		}
		g.shortages.Add(1)
		if g.Tell != nil && time.Since(g.told) >= tellEvery {
			g.told = time.Now()
			g.Tell(fmt.Errorf("no file descriptor is free to accept a connection; trying again (raise LimitNOFILE or ulimit -n): %w", err))
		}
		select {
		case <-time.After(acceptAgain):
		case <-g.closed:
			return nil, net.ErrClosed
		}
	}
}

// Shortages returns how often a client had to wait because no file descriptor was free.
func (g *Gate) Shortages() uint64 { return g.shortages.Load() }

// enter adds conn to the open connections. If all slots are in use and no connection is overdue, it
// returns how long to wait.
func (g *Gate) enter(conn *net.TCPConn) (*Conn, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if len(g.guests) >= g.max {
		first := g.leastPatience()
		if wait := first.patience.Sub(now); wait > 0 {
			return nil, wait
		}
		delete(g.guests, first)
		// With linger 0, the kernel drops the part of the answer that the client has not read.
		_ = first.SetLinger(0)
		_ = first.TCPConn.Close()
		close(first.gone)
	}
	_ = conn.SetWriteBuffer(writeBuffer) // on an error the socket keeps the default size
	in := &Conn{TCPConn: conn, gate: g, gone: make(chan struct{}), patience: now.Add(AnswerPatience)}
	g.guests[in] = true
	return in, 0
}

func (g *Gate) leastPatience() (first *Conn) {
	for c := range g.guests {
		if first == nil || c.patience.Before(first.patience) {
			first = c
		}
	}
	return first
}
