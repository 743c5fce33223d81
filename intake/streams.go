package intake

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

const (
	// maxLate limits the connections accepted at shutdown. Linux lets this many wait
	// (net.core.somaxconn).
	maxLate = 4096
	// acceptWarnings is the shortest time between two log lines about failed accepts.
	acceptWarnings = time.Minute
)

// streams reads the lines of connections into the lanes.
type streams struct {
	listener streamListener
	given    bool // the listener is inherited and a later process uses it again
	log      zerolog.Logger
	room     *room
	reader   *streamReader
	conns    sync.WaitGroup
	stopped  chan struct{} // closed by stop
	late     int           // connections accepted after stop, and attempts

	acceptErrors atomic.Uint64
	warned       time.Time // last warning about acceptErrors

	mu     sync.Mutex
	active map[*stream]struct{}
}

func newStreams(l *listener, lanes []*lane, cfg *Config) *streams {
	room := newRoom(lanes, cfg)
	return &streams{
		listener: l.tcp,
		given:    l.tcpGiven,
		log:      cfg.Log,
		room:     room,
		reader:   newStreamReader(room),
		stopped:  make(chan struct{}),
		active:   map[*stream]struct{}{},
	}
}

// run accepts connections until stop, then those already established. It returns when all have
// ended.
func (t *streams) run() {
	defer t.conns.Wait()
	defer t.listener.Close()
	t.conns.Go(func() { t.room.cutSilent(t.stopped) })
	for next := 0; ; next++ {
		c, err := t.accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// For example, no file descriptors are left: the open connections must go on.
			t.noteFault(err)
			if end := t.end(); end != nil && time.Now().After(*end) {
				return
			}
			time.Sleep(100 * time.Millisecond)
			continue
		}
		t.room.make()
		st := newStream(c, t.room.lanes[next%len(t.room.lanes)])
		t.add(st)
		t.conns.Go(func() { t.serve(st) })
	}
}

// noteFault counts a failed accept and logs it, but not too often.
func (t *streams) noteFault(err error) {
	n := t.acceptErrors.Add(1)
	if time.Since(t.warned) < acceptWarnings {
		return
	}
	t.warned = time.Now()
	t.log.Error().Err(err).Uint64("errors", n).Int64("open", t.room.open.Load()).
		Msg("a tcp connection cannot be accepted; trying again (raise LimitNOFILE or ulimit -n if too many files are open)")
}

// accept waits for a connection. At shutdown it takes at most maxLate connections that are already
// established. It leaves the ones of an inherited listener to the next process.
func (t *streams) accept() (conn, error) {
	if t.end() == nil {
		c, err := t.listener.Accept()
		if err == nil {
			return c.(conn), nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
	}
	if t.late++; t.given || t.late > maxLate {
		return nil, net.ErrClosed
	}
	return acceptNow(t.listener)
}

// acceptNow accepts an established connection or returns net.ErrClosed. A deadline would not work:
// it can expire before the first check.
func acceptNow(listener syscall.Conn) (conn, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, failed := -1, error(nil)
	if err := raw.Control(func(listening uintptr) {
		syscall.ForkLock.RLock() // no child process may inherit it
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
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return c.(conn), nil
}

// end returns when reading must end, after stop.
func (t *streams) end() *time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reader.last.Load()
}

func (t *streams) add(st *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active[st] = struct{}{}
	t.room.enter()
	st.lane.shard.Lock()
	st.lane.tally.TCPConnections++
	st.lane.ages.add(&st.age, t.room.now())
	st.lane.shard.Unlock()
	if last := t.reader.last.Load(); last != nil {
		st.endBy(*last)
	}
}

func (t *streams) serve(st *stream) {
	defer t.close(st)
	raw, err := st.age.conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(stampStream)
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
	st.lane.ages.remove(&st.age)
	st.lane.shard.Unlock()
	t.room.grow(-cap(st.tail))
	_ = st.age.conn.Close()
	t.room.leave()
}

// stop ends accepting. Each connection may finish sending: until it is silent for drainTime, or
// patience is over.
func (t *streams) stop(patience time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.stopped)
	last := time.Now().Add(patience)
	t.reader.last.Store(&last)
	_ = t.listener.SetDeadline(time.Now())
	for st := range t.active {
		st.endBy(last)
	}
}
