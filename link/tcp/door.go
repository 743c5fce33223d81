package tcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/link"
)

const (
	greetTimeout = 5 * time.Second  // maximum time for TLS and the handshake
	frameTimeout = 30 * time.Second // maximum time to receive the rest of a frame after its length and kind
	writeTimeout = 10 * time.Second // maximum time to write answers that the edge does not read
	acceptAgain  = 100 * time.Millisecond
	tellEvery    = time.Minute

	// For messages up to smallMessage, each connection has its own buffer. Only largeAtOnce
	// connections may receive a larger message at the same time.
	smallMessage  = 64 << 10
	largeAtOnce   = 64
	largePatience = time.Second // after this time, a slow large message is cancelled if another connection waits
)

// Stats contains counts about edges since the start, and the current number of edges.
type Stats struct {
	Edges    int    // connected edges, after the handshake
	Accepted uint64 // accepted connections
	Refused  uint64 // connections that Admit refused, or that failed the handshake
	Evicted  uint64 // connections closed to make room for others
	Messages uint64 // stored messages
	Bytes    uint64 // bytes of the stored messages
	Full     uint64 // messages for which there was no space; the edge sends them again
	Failed   uint64 // messages that could not be stored because of an error; the edge sends them again
	Rejected uint64 // messages that were refused permanently; the edge does not send them again
}

type stats struct {
	edges                                                               atomic.Int64
	accepted, refused, evicted, messages, bytes, full, failed, rejected atomic.Uint64
}

func (s *stats) stored(bytes int) {
	s.messages.Add(1)
	s.bytes.Add(uint64(bytes))
}

// Stats returns the counts of connections and messages since the start, and the current number of
// edges.
func (e *Engine) Stats() Stats {
	s := &e.door.stats
	return Stats{
		Edges: int(s.edges.Load()), Accepted: s.accepted.Load(), Refused: s.refused.Load(), Evicted: s.evicted.Load(),
		Messages: s.messages.Load(), Bytes: s.bytes.Load(), Full: s.full.Load(), Failed: s.failed.Load(), Rejected: s.rejected.Load(),
	}
}

// door accepts the connections of edges.
type door struct {
	engine *Engine
	guests *guests
	large  *places
	stats  stats

	telling sync.Mutex
	told    time.Time
}

func newDoor(e *Engine) *door {
	d := &door{engine: e}
	most := min(e.cfg.MaxEdges, max(2, descriptors.Limit()/2))
	d.guests = newGuests(most, d.evict(fmt.Sprintf("the maximum of %d connections is reached", most)))
	d.large = newPlaces(largeAtOnce, largePatience, d.evict(fmt.Sprintf("%d large messages arrive at the same time, and the message of this edge daemon is the slowest", largeAtOnce)))
	return d
}

// evict returns a function that closes a connection, so that another connection can be accepted.
// The function reports the reason to the operators.
func (d *door) evict(why string) func(net.Conn) {
	return func(conn net.Conn) {
		_ = conn.Close() // this also ends the connection's goroutine
		d.stats.evicted.Add(1)
		d.tell(fmt.Errorf("disconnected the edge daemon at %v, to serve another edge daemon: %s", conn.RemoteAddr(), why))
	}
}

// serve accepts connections until the Engine is closed.
func (d *door) serve(settings link.Settings) {
	for {
		conn, err := d.engine.cfg.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			d.tell(fmt.Errorf("a connection of an edge daemon cannot be accepted, trying again: %w", err))
			select {
			case <-time.After(acceptAgain):
				continue
			case <-d.engine.stop:
				return
			}
		}
		d.stats.accepted.Add(1)
		g := &guest{conn: conn, since: time.Now()}
		if !d.guests.serve(g, func() { d.welcome(g, settings) }) {
			_ = conn.Close() // the Engine is closed
			return
		}
	}
}

// welcome performs the handshake with an edge, and then receives its messages.
func (d *door) welcome(g *guest, settings link.Settings) {
	w, proved, err := d.greet(g.conn, settings)
	if err != nil {
		if errors.Is(err, io.EOF) { // for example a load balancer that only checks the port
			return
		}
		d.stats.refused.Add(1)
		if !errors.Is(err, net.ErrClosed) {
			d.tell(fmt.Errorf("refused the edge daemon at %v: %w", g.conn.RemoteAddr(), err))
		}
		return
	}
	_ = g.conn.SetDeadline(time.Time{})
	if proved {
		d.guests.prove(g)
	}
	d.stats.edges.Add(1)
	defer d.stats.edges.Add(-1)
	if err := d.listen(g, w); !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrUnexpectedEOF) {
		d.tell(fmt.Errorf("edge daemon at %v: %w", g.conn.RemoteAddr(), err))
	}
}

// greet admits a connection and performs the handshake. The result proved is true if the edge has proved that it knows
// a key. If the peer closes the connection before it has sent a byte, the error is io.EOF.
func (d *door) greet(conn net.Conn, settings link.Settings) (w *wire, proved bool, err error) {
	if admit := d.engine.cfg.Admit; admit != nil {
		ctx, cancel := context.WithTimeout(context.Background(), greetTimeout)
		defer cancel()
		if conn, err = admit(ctx, conn); err != nil {
			return nil, false, err
		}
	}
	w = newWire(conn)
	_ = conn.SetDeadline(time.Now().Add(greetTimeout))
	proved, err = greetEdge(w, d.engine.cfg.Keys, settings)
	if err == nil {
		err = w.w.Flush()
	}
	return w, proved, err
}

// listen receives messages, stores them and answers, until there is an error. Answers are sent
// together if the next message is already in the buffer.
func (d *door) listen(g *guest, w *wire) error {
	for {
		head, size, err := w.head(maxFrame)
		if err != nil {
			return err
		}
		if head[4] != kindMessage || size < messageHead {
			return fmt.Errorf("frame %q of %d bytes: the peer uses another protocol", head[4], size)
		}
		if err := d.message(g, w, head, size); err != nil {
			return err
		}
		if w.r.Buffered() == 0 {
			if err := w.w.Flush(); err != nil {
				return err
			}
		}
	}
}

// message receives a message, stores it and writes the answer.
func (d *door) message(g *guest, w *wire, head [frameHead]byte, size int) error {
	_ = g.conn.SetReadDeadline(time.Now().Add(frameTimeout))
	large := size > smallMessage
	if large {
		d.large.enter(g.conn)
	}
	body, err := w.body(head, size)
	if err != nil {
		d.large.leave(g.conn)
		return err
	}
	code, failed := d.engine.store(binary.BigEndian.Uint32(body[8:]), body[messageHead:])
	answer := append(body[:8:8], code)
	if failed != nil {
		if code == codeRefused {
			d.stats.rejected.Add(1)
		}
		d.tell(fmt.Errorf("cannot store a message from the edge daemon at %v: %w", g.conn.RemoteAddr(), failed))
		answer = append(answer, failed.Error()...)
		answer = answer[:min(len(answer), maxAnswer)]
	} else {
		d.guests.prove(g)
	}
	if large {
		w.buffer = nil
		d.large.leave(g.conn)
	}
	_ = g.conn.SetDeadline(time.Time{})
	_ = g.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return w.write(kindAnswer, answer)
}

// tell sends a message to the operators, at most one a minute.
func (d *door) tell(err error) {
	d.telling.Lock()
	defer d.telling.Unlock()
	if now := time.Now(); d.engine.cfg.Tell != nil && now.Sub(d.told) >= tellEvery {
		d.told = now
		d.engine.cfg.Tell(err)
	}
}

// close closes the listener and all connections.
func (d *door) close() error {
	err := d.engine.cfg.Listener.Close()
	d.guests.close()
	return err
}
