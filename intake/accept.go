package intake

import (
	"cmp"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/descriptors"
)

const (
	// maxLate limits the connections accepted at shutdown. On Linux at most this many connections can
	// wait for accept(2) (net.core.somaxconn).
	maxLate = 4096
	// acceptWarnings is the minimum time between two log lines about failed accepts.
	acceptWarnings = time.Minute
)

// acceptor accepts the connections to one listener.
type acceptor struct {
	*listener
	stream atomic.Pointer[listen.Stream]
	log    zerolog.Logger
	late   int // number of accept calls after the call of stop
	limits atomic.Pointer[streamLimits]
	open   atomic.Int64
	// greeted is a semaphore. It limits the connections that are in a TLS handshake, or wait because the
	// limit of open connections is reached.
	greeted chan struct{}

	acceptErrors atomic.Uint64
	shortages    atomic.Uint64 // number of accept calls that failed because the process had no free file descriptor
	warned       time.Time     // time of the last warning about acceptErrors
}

// streamLimits are the limits for the connections to one listener.
type streamLimits struct {
	connections int           // maximum number of open connections
	idle, line  time.Duration // idle is the longest time without a complete line, 0 for no limit; line is the longest time for one line
}

// period returns the time between two checks for idle connections and slow lines. If possible it is a whole number of
// seconds; clock.UntilTick explains why.
func (l *streamLimits) period() time.Duration {
	shortest := l.line
	if l.idle > 0 {
		shortest = min(l.idle, l.line)
	}
	period := min(max(shortest/8, 10*time.Millisecond), 5*time.Second)
	return cmp.Or(period.Truncate(time.Second), period)
}

// noteFault counts each failed accept. It logs at most one in each period of acceptWarnings.
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

// accept waits for a connection. At shutdown it accepts at most maxLate connections that are
// already established. It does not accept connections of an inherited listener at shutdown, because
// the next process accepts them.
func (a *acceptor) accept(stream listen.Stream, ending bool) (conn, error) {
	if !ending {
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

// acceptNow accepts an established connection. If there is none, it returns net.ErrClosed. It does not use a
// deadline, because a deadline could expire before the first attempt to accept.
func acceptNow(listener syscall.Conn) (conn, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, failed := -1, error(nil)
	if err := raw.Control(func(listening uintptr) {
		syscall.ForkLock.RLock() // a child process must not inherit the new descriptor
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

// moveTo replaces the listening socket by the socket in b. The acceptor then accepts only
// connections of the new socket.
func (a *acceptor) moveTo(b *listen.Bound) error {
	before := a.take(b)
	return (*before).Close()
}

// take moves the listening socket from b to the acceptor, and returns the acceptor's previous
// listening socket.
func (a *acceptor) take(b *listen.Bound) (before *listen.Stream) {
	stream := b.Stream
	b.Stream = nil
	return a.stream.Swap(&stream)
}
