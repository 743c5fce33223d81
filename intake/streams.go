package intake

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
)

// streams reads the lines of connections into the lanes.
type streams struct {
	room    *room
	reader  *streamReader
	conns   sync.WaitGroup
	stopped chan struct{} // closed by stop
	// greeting is the context of TLS handshakes. It is cancelled after the call of stop.
	greeting context.Context
	silence  context.CancelFunc // cancels the context greeting

	mu     sync.Mutex
	active map[*stream]struct{}
}

func newStreams(lanes []*lane, doors []*acceptor, cfg *Config) *streams {
	room := newRoom(lanes, doors, cfg)
	t := &streams{
		room:    room,
		reader:  newStreamReader(room),
		stopped: make(chan struct{}),
		active:  map[*stream]struct{}{},
	}
	t.greeting, t.silence = context.WithCancel(context.Background())
	return t
}

// run accepts connections until stop is called. After that, run accepts only connections that
// clients have already established. It returns when all connections have ended.
func (t *streams) run() {
	defer t.conns.Wait()
	var accepting sync.WaitGroup
	for _, a := range t.room.doors {
		accepting.Go(func() { t.accept(a) })
	}
	t.conns.Go(func() { t.room.cutSilent(t.stopped) })
	accepting.Wait()
}

// accept accepts the connections of one listener until stop is called. After that, accept accepts
// only connections that clients have already established.
func (t *streams) accept(a *acceptor) {
	defer func() { _ = (*a.stream.Load()).Close() }()
	for next := 0; ; next++ {
		stream := a.stream.Load()
		c, err := a.accept(*stream, t.end() != nil)
		if errors.Is(err, net.ErrClosed) {
			if stream != a.stream.Load() {
				continue
			}
			return
		}
		if err != nil {
			// An accept can fail because no file descriptor is free. The acceptor then tries again, and open
			// connections are still read.
			a.noteFault(err)
			if end := t.end(); end != nil && time.Now().After(*end) {
				return
			}
			time.Sleep(100 * time.Millisecond)
			continue
		}
		st := newStream(c, t.room.lanes[next%len(t.room.lanes)], a)
		if a.Scheme != listen.TLS {
			t.welcome(st)
			continue
		}
		a.greeted <- struct{}{}
		t.conns.Go(func() {
			defer func() { <-a.greeted }()
			t.welcome(st)
		})
	}
}

// welcome checks whether a connection may send, and then reads it. A connection counts towards the
// limit only after the check.
func (t *streams) welcome(st *stream) {
	c, why := st.admit(t.greeting)
	if why != listen.Admitted {
		st.refuse(why)
		_ = st.age.conn.Close()
		return
	}
	t.room.admit(st.door)
	t.add(st)
	t.conns.Go(func() { t.serve(st, c) })
}

// end returns the time at which reading must end, or nil if stop was not called yet.
func (t *streams) end() *time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reader.last.Load()
}

func (t *streams) add(st *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active[st] = struct{}{}
	st.lane.shard.Lock()
	st.lane.tally.TCPConnections++
	st.part().Connections++
	st.part().ages.add(&st.age, t.room.now())
	st.lane.shard.Unlock()
	if last := t.reader.last.Load(); last != nil {
		st.endBy(*last)
	}
}

// serve reads a connection until it ends. The lines are read from c.
func (t *streams) serve(st *stream, c net.Conn) {
	defer t.close(st)
	if c == net.Conn(st.age.conn) {
		t.serveSocket(st)
		return
	}
	defer c.Close()
	t.serveDecrypted(st, c)
}

// serveDecrypted reads a TLS connection until it ends.
func (t *streams) serveDecrypted(st *stream, conn net.Conn) {
	own := make([]byte, decryptedRead)
	var err error
	for err == nil {
		err = t.reader.readDecrypted(st, conn, own)
		if last := t.reader.last.Load(); last != nil {
			st.endBy(*last)
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = t.reader.sweepDecrypted(st, conn, own)
	}
	st.end(errors.Is(err, io.EOF))
}

// serveSocket reads a connection without TLS through its descriptor.
func (t *streams) serveSocket(st *stream) {
	raw, err := st.age.conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(kernel.Stamp)
	for err == nil {
		err = t.reader.read(st, raw)
		if last := t.reader.last.Load(); last != nil {
			st.endBy(*last)
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = t.reader.sweep(st, raw)
	}
	st.end(errors.Is(err, io.EOF))
}

func (t *streams) close(st *stream) {
	t.mu.Lock()
	delete(t.active, st)
	t.mu.Unlock()
	st.lane.shard.Lock()
	st.part().ages.remove(&st.age)
	st.lane.shard.Unlock()
	t.room.grow(-cap(st.tail))
	_ = st.age.conn.Close()
	t.room.leave(st.door)
}

// stop makes run accept no new clients, and limits the time of the open connections: a connection
// ends when it is silent for drainTime, or after the duration patience at the latest. stop does not
// wait until the connections have ended.
func (t *streams) stop(patience time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.stopped)
	last := time.Now().Add(patience)
	t.reader.last.Store(&last)
	time.AfterFunc(min(patience, drainTime), t.silence)
	for _, a := range t.room.doors {
		_ = (*a.stream.Load()).SetDeadline(time.Now())
	}
	for st := range t.active {
		st.endBy(last)
	}
}
