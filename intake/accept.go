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
	// maxLate limits the connections accepted at shutdown. Linux lets at most this many wait (net.core.somaxconn).
	maxLate = 4096
	// acceptWarnings is the shortest time between two log lines about failed accepts.
	acceptWarnings = time.Minute
)

// acceptor accepts the connections of one listener.
type acceptor struct {
	*listener
	stream  atomic.Pointer[listen.Stream]
	log     zerolog.Logger
	late    int // connections accepted after stop, and attempts
	limits  atomic.Pointer[streamLimits]
	open    atomic.Int64
	greeted chan struct{} // limits the connections that are in a handshake, or wait for room after it

	acceptErrors atomic.Uint64
	shortages    atomic.Uint64 // accept errors because no file descriptor was free
	warned       time.Time     // last warning about acceptErrors
}

// streamLimits are the limits of the connections of one listener.
type streamLimits struct {
	connections int           // maximum of open connections
	idle, line  time.Duration // idle limits the time since the last line, 0 for no limit; line limits the time for completing a line
}

// period returns the time between two checks of the connections. It is in full seconds if it can be, see
// clock.UntilTick.
func (l *streamLimits) period() time.Duration {
	shortest := l.line
	if l.idle > 0 {
		shortest = min(l.idle, l.line)
	}
	period := min(max(shortest/8, 10*time.Millisecond), 5*time.Second)
	return cmp.Or(period.Truncate(time.Second), period)
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
// established. It leaves the connections of an inherited listener to the next process.
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

// acceptNow accepts an established connection or returns net.ErrClosed. A deadline would not work:
// it can expire before the first check.
func acceptNow(listener syscall.Conn) (conn, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, failed := -1, error(nil)
	if err := raw.Control(func(listening uintptr) {
		syscall.ForkLock.RLock() // child processes must not inherit it
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

// moveTo changes to the socket in b: from now on only its connections are accepted.
func (a *acceptor) moveTo(b *listen.Bound) error {
	before := a.take(b)
	return (*before).Close()
}

// take moves the socket out of b. It returns the old socket.
func (a *acceptor) take(b *listen.Bound) (before *listen.Stream) {
	stream := b.Stream
	b.Stream = nil
	return a.stream.Swap(&stream)
}
