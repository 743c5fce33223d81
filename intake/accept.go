package intake

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/internal/descriptors"
)

const (
	// maxLate limits the connections accepted at shutdown. Linux lets this many wait
	// (net.core.somaxconn).
	maxLate = 4096
	// acceptWarnings is the shortest time between two log lines about failed accepts.
	acceptWarnings = time.Minute
)

// acceptor accepts the connections of one listener.
type acceptor struct {
	*listener
	stream  atomic.Pointer[listen.Stream]
	streams *streams
	log     zerolog.Logger
	late    int // connections accepted after stop, and attempts
	limits  atomic.Pointer[streamLimits]
	open    atomic.Int64
	greeted chan struct{} // has places for connections in a handshake, and for those that then wait for room

	acceptErrors atomic.Uint64
	shortages    atomic.Uint64 // those because no file descriptor was free
	warned       time.Time     // last warning about acceptErrors
}

// run accepts connections until stop, then those already established.
func (a *acceptor) run() {
	t := a.streams
	defer func() { _ = (*a.stream.Load()).Close() }()
	for next := 0; ; next++ {
		stream := a.stream.Load()
		c, err := a.accept(*stream)
		if errors.Is(err, net.ErrClosed) {
			if stream != a.stream.Load() {
				continue
			}
			return
		}
		if err != nil {
			// For example, no file descriptors are left: the open connections must go on.
			a.noteFault(err)
			if end := t.end(); end != nil && time.Now().After(*end) {
				return
			}
			time.Sleep(100 * time.Millisecond)
			continue
		}
		st := newStream(c, t.room.lanes[next%len(t.room.lanes)], a)
		if a.Scheme != listen.TLS {
			a.welcome(st)
			continue
		}
		a.greeted <- struct{}{}
		t.conns.Go(func() {
			defer func() { <-a.greeted }()
			a.welcome(st)
		})
	}
}

// welcome reads a connection, if it may send. Only then it takes a place.
func (a *acceptor) welcome(st *stream) {
	c, why := a.admit(st)
	if why != listen.Admitted {
		st.refuse(why)
		_ = st.age.conn.Close()
		return
	}
	t := a.streams
	t.room.admit(a)
	t.add(st)
	t.conns.Go(func() { t.serve(st, c) })
}

// admit decides whether a stream may send, and returns the connection to read. This is the only place where
// a connection is refused.
func (a *acceptor) admit(st *stream) (net.Conn, listen.Refusal) {
	c := st.age.conn
	if a.Scheme.Local() {
		peer := kernel.PeerOf(c)
		sender, why := a.admitPeer(st.lane.peers, peer, time.Now(), peers.Counts{Connections: 1})
		if st.remote = sender; peer.Known {
			st.peer = &peer.ID
		}
		if why != listen.Admitted {
			return nil, why
		}
	}
	if a.guard == nil {
		return c, listen.Admitted
	}
	return a.guard.Admit(a.streams.greeting, c)
}

// noteFault counts a failed accept and logs it, but not too often.
func (a *acceptor) noteFault(err error) {
	n := a.acceptErrors.Add(1)
	if descriptors.Exhausted(err) {
		a.shortages.Add(1)
	}
	if time.Since(a.warned) < acceptWarnings {
		return
	}
	a.warned = time.Now()
	a.log.Error().Err(err).Uint64("errors", n).Int64("open", a.open.Load()).
		Str("listener", a.Name).
		Msg("a connection cannot be accepted; trying again (raise LimitNOFILE or ulimit -n if too many files are open)")
}

// accept waits for a connection. At shutdown it takes at most maxLate connections that are already
// established. It leaves the ones of an inherited listener to the next process.
func (a *acceptor) accept(stream listen.Stream) (conn, error) {
	if a.streams.end() == nil {
		c, err := stream.Accept()
		if err == nil {
			return c.(conn), nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
	}
	if a.late++; a.Given || a.late > maxLate {
		return nil, net.ErrClosed
	}
	return acceptNow(stream)
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
