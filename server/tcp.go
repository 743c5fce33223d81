package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/wire"
)

const (
	// maxLine is the greatest length of a line in a stream, without its newline.
	maxLine = 64 << 10
	// streamRead is how much is read from a stream at once.
	streamRead = 64 << 10
)

// streams takes the lines of TCP connections to the lanes.
type streams struct {
	server   *Server
	listener *net.TCPListener
	// buffers are lent to connections while they have something to read: those
	// that have not cost no memory for it.
	buffers sync.Pool
	conns   sync.WaitGroup
	open    atomic.Int64

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
}

func newStreams(s *Server, l *net.TCPListener) *streams {
	return &streams{
		server:   s,
		listener: l,
		buffers:  sync.Pool{New: func() any { return new([maxLine + 1 + streamRead]byte) }},
		active:   map[*stream]struct{}{},
	}
}

// run accepts connections until stop, then who has connected already. It
// returns when all have ended.
func (t *streams) run() {
	defer t.conns.Wait()
	defer t.listener.Close()
	for next := 0; ; next++ {
		conn, err := t.accept()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			// Out of file descriptors, say: what there is must go on.
			t.server.log.Error().Err(err).Msg("accept a tcp connection")
			time.Sleep(100 * time.Millisecond)
			continue
		}
		lane := t.server.lanes[next%len(t.server.lanes)]
		st := &stream{conn: conn, lane: lane, parser: t.server.parser()}
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			st.remote = a.AddrPort()
		}
		t.add(st)
		t.conns.Go(func() { t.serve(st) })
	}
}

// accept waits for a connection; once there is to be an end, only for one that
// is there already.
func (t *streams) accept() (*net.TCPConn, error) {
	const moment = 10 * time.Millisecond
	if t.end() == nil {
		conn, err := t.listener.AcceptTCP()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
	}
	if time.Now().Before(*t.end()) {
		_ = t.listener.SetDeadline(time.Now().Add(moment))
	}
	return t.listener.AcceptTCP()
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
	t.open.Add(1)
	st.lane.shard.Lock()
	st.lane.tally.tcpConnections++
	st.lane.shard.Unlock()
	if last := t.lastRead.Load(); last != nil {
		t.soon(st, *last)
	}
}

func (t *streams) serve(st *stream) {
	defer func() {
		t.mu.Lock()
		delete(t.active, st)
		t.mu.Unlock()
		t.open.Add(-1)
		_ = st.conn.Close()
	}()
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
	if errors.Is(err, io.EOF) {
		st.end()
	}
}

// stop ends accepting, and lets each connection send what is on its way: until
// it was silent for drainTime, or most is over.
func (t *streams) stop(most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
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

// take takes what was read, which stands in buf behind the tail that the
// stream had. It leaves a new tail.
func (st *stream) take(buf []byte, read int) {
	st.lane.shard.Lock()
	defer st.lane.shard.Unlock()
	st.lane.tally.tcpBytes += uint64(read)
	from := origin{remote: st.remote}

	if st.skipping {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			return
		}
		buf, st.skipping = buf[i+1:], false
	}
	// Only the line that the tail began can be too long: no other is longer
	// than a read.
	if len(buf) > maxLine {
		if i := bytes.IndexByte(buf, '\n'); i > maxLine {
			st.lane.tooLong(buf[:i], from)
			buf = buf[i+1:]
		}
	}
	whole := lastLine(buf)
	if whole > 0 {
		st.lane.take(&st.parser, buf[:whole], from)
	}
	rest := buf[whole:]
	if len(rest) > maxLine {
		st.lane.tooLong(rest, from)
		rest, st.skipping = nil, true
	}
	st.keep(rest)
}

// keep copies a new tail.
func (st *stream) keep(rest []byte) {
	const small = 4 << 10
	if len(rest) == 0 && cap(st.tail) > small {
		st.tail = nil
	}
	st.tail = append(st.tail[:0], rest...)
}

// end takes the last line, whose newline never came.
func (st *stream) end() {
	if len(st.tail) == 0 {
		return
	}
	st.lane.shard.Lock()
	defer st.lane.shard.Unlock()
	st.lane.take(&st.parser, st.tail, origin{remote: st.remote})
}
