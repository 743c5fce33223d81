package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/wire"
)

const (
	// maxLine is the greatest length of a line in a stream, without its newline.
	maxLine = 64 << 10
	// streamRead is how much is read from a stream at once.
	streamRead = 64 << 10
	// buffersPerLane is how many connections of a lane may read at a time; only
	// one of them can add to its shard.
	buffersPerLane = 4
	// mostLate is how many connections are accepted at the end: as many as Linux
	// lets wait (net.core.somaxconn).
	mostLate = 4096
)

type streamBuffer = [maxLine + 1 + streamRead]byte

// streams takes the lines of TCP connections to the lanes.
type streams struct {
	server   *Server
	listener *net.TCPListener
	given    bool // the listener is for a successor too
	limits   atomic.Pointer[streamLimits]
	// buffers are lent to connections that have something to read: the others
	// cost no memory for it, and when many have at once, they wait for each
	// other. A nil one is yet to be made.
	buffers chan *streamBuffer
	conns   sync.WaitGroup
	open    atomic.Int64
	peak    atomic.Int64  // of open
	left    chan struct{} // told, if it listens, when a connection has ended
	tails   atomic.Int64  // bytes of all tails
	stopped chan struct{} // closed by stop
	late    int           // connections accepted since, and tries

	mu     sync.Mutex
	active map[*stream]struct{}
	// lastRead is when reading must be over, once there is to be an end; it
	// never changes again.
	lastRead atomic.Pointer[time.Time]
}

// stream is one connection.
type stream struct {
	conn   *net.TCPConn
	lane   *lane
	parser wire.Parser
	remote netip.AddrPort
	// tail is the start of a line whose end has not come yet.
	tail []byte
	// skipping says that the line being read is too long and already counted.
	skipping bool
	age      age
}

func newStreams(s *Server, l *listener) *streams {
	t := &streams{
		server:   s,
		listener: l.tcp,
		given:    l.tcpGiven,
		left:     make(chan struct{}, 1),
		stopped:  make(chan struct{}),
		buffers:  make(chan *streamBuffer, buffersPerLane*len(s.lanes)),
		active:   map[*stream]struct{}{},
	}
	for range cap(t.buffers) {
		t.buffers <- nil
	}
	t.follow(&s.cfg)
	return t
}

// run accepts connections until stop, then who has connected already. It
// returns when all have ended.
func (t *streams) run() {
	defer t.conns.Wait()
	defer t.listener.Close()
	t.conns.Go(t.cutSilent)
	for next := 0; ; next++ {
		conn, err := t.accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, say: what there is must go on.
			t.server.log.Error().Err(err).Msg("accept a tcp connection")
			if end := t.end(); end != nil && time.Now().After(*end) {
				return
			}
			time.Sleep(100 * time.Millisecond)
			continue
		}
		t.makeRoom()
		lane := t.server.lanes[next%len(t.server.lanes)]
		st := &stream{conn: conn, lane: lane, parser: t.server.parser(lane)}
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			st.remote = a.AddrPort()
		}
		t.add(st)
		t.conns.Go(func() { t.serve(st) })
	}
}

// accept waits for a connection. Once there is to be an end it takes those that are
// there already, at most mostLate, and leaves those of a given listener to its next
// owner.
func (t *streams) accept() (*net.TCPConn, error) {
	if t.end() == nil {
		conn, err := t.listener.AcceptTCP()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
	}
	if t.late++; t.given || t.late > mostLate {
		return nil, net.ErrClosed
	}
	return acceptNow(t.listener)
}

// acceptNow accepts a connection that has been made already, or says net.ErrClosed. A
// deadline would not do: it can be over before anybody has looked.
func acceptNow(listener *net.TCPListener) (*net.TCPConn, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, failed := -1, error(nil)
	if err := raw.Control(func(listening uintptr) {
		syscall.ForkLock.RLock() // no child inherits it
		defer syscall.ForkLock.RUnlock()
		if fd, _, failed = syscall.Accept(int(listening)); failed == nil {
			syscall.CloseOnExec(fd)
		}
	}); err != nil {
		return nil, err
	}
	if errors.Is(failed, syscall.EAGAIN) {
		return nil, net.ErrClosed
	}
	if failed != nil {
		return nil, os.NewSyscallError("accept", failed)
	}
	file := os.NewFile(uintptr(fd), "")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// end returns when reading must be over, after stop.
func (t *streams) end() *time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lastRead.Load()
}

func (t *streams) add(st *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active[st] = struct{}{}
	t.peak.Store(max(t.peak.Load(), t.open.Add(1)))
	st.lane.shard.Lock()
	st.lane.tally.tcpConnections++
	st.lane.ages.add(st, t.now())
	st.lane.shard.Unlock()
	if last := t.lastRead.Load(); last != nil {
		t.soon(st, *last)
	}
}

func (t *streams) serve(st *stream) {
	defer t.close(st)
	raw, err := st.conn.SyscallConn()
	if err != nil {
		return
	}
	for err == nil {
		err = t.read(st, raw)
		if last := t.lastRead.Load(); last != nil {
			t.soon(st, *last)
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = t.sweep(st, raw)
	}
	st.end(errors.Is(err, io.EOF))
}

func (t *streams) close(st *stream) {
	t.mu.Lock()
	delete(t.active, st)
	t.mu.Unlock()
	st.lane.shard.Lock()
	st.lane.ages.remove(st)
	st.lane.shard.Unlock()
	t.tails.Add(-int64(cap(st.tail)))
	_ = st.conn.Close()
	t.open.Add(-1)
	select {
	case t.left <- struct{}{}:
	default:
	}
}

// stop ends accepting, and lets each connection send what is on its way: until
// it was silent for drainTime, or most is over.
func (t *streams) stop(most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.stopped)
	last := time.Now().Add(most)
	t.lastRead.Store(&last)
	_ = t.listener.SetDeadline(time.Now())
	for st := range t.active {
		t.soon(st, last)
	}
}

// soon makes a stream end when nothing more comes.
func (t *streams) soon(st *stream, last time.Time) {
	until := time.Now().Add(drainTime)
	if last.Before(until) {
		until = last
	}
	_ = st.conn.SetReadDeadline(until)
}
