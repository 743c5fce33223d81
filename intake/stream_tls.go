package intake

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
)

// errUnread is the error of a client that does not read.
var errUnread = errors.New("the client does not read the answers that TLS requires")

// tlsSocket is the TCP connection that carries a TLS connection. Only one goroutine may read, write and close the TLS
// connection.
type tlsSocket struct {
	conn
	raw     syscall.RawConn
	reading kernel.Reading
	at      int64 // time when the last bytes that were read arrived, in Unix nanoseconds; 0 if it is unknown

	// admitted says that the handshake is complete. After that, the daemon writes only short answers, for example to
	// key updates.
	admitted  bool
	unwritten error // the first error of a write after the handshake

	// After the call of sweep, Read does not wait. It returns left bytes, and more until the time last.
	sweeping bool
	left     int
	last     time.Time
}

func newTLSSocket(c conn) (*tlsSocket, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &tlsSocket{conn: c, raw: raw}, raw.Control(kernel.Stamp)
}

// sweep makes Read return only the bytes that wait in the kernel now, and the bytes that arrive until the time last and
// are read without waiting. A client can send as slowly as it likes, so a limit for the waiting time of each read would
// not be enough.
func (s *tlsSocket) sweep(last time.Time) error {
	s.sweeping, s.last = true, last
	return s.raw.Control(func(fd uintptr) { s.left = kernel.Unread(fd) })
}

// Read reads the bytes that have arrived. If there are none, it waits for them until the read deadline.
func (s *tlsSocket) Read(p []byte) (n int, err error) {
	var failed error
	read := func(fd uintptr) (done bool) {
		var at int64
		if n, at, failed = s.reading.Now(fd, false, p); n > 0 {
			s.at = at
		}
		return !errors.Is(failed, syscall.EAGAIN)
	}
	switch {
	case len(p) == 0:
		return 0, nil
	case !s.sweeping:
		err = s.raw.Read(read)
	case s.left <= 0 && !time.Now().Before(s.last):
		return 0, os.ErrDeadlineExceeded
	default:
		err = s.raw.Control(func(fd uintptr) { read(fd) })
		s.left -= n
	}
	switch {
	case err != nil:
		return 0, err
	case errors.Is(failed, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case failed != nil:
		return 0, os.NewSyscallError("recvmsg", failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write does not wait after the handshake: the answers are so short that they always fit into the send buffer if the
// client reads. After an error, all writes fail.
func (s *tlsSocket) Write(p []byte) (n int, err error) {
	if !s.admitted {
		return s.conn.Write(p)
	}
	if s.unwritten != nil {
		return 0, s.unwritten
	}
	var failed error
	err = s.raw.Control(func(fd uintptr) { n, failed = syscall.Write(int(fd), p) })
	switch {
	case err != nil:
	case n == len(p):
		return n, nil
	case failed == nil, errors.Is(failed, syscall.EAGAIN):
		err = errUnread
	default:
		err = os.NewSyscallError("write", failed)
	}
	s.unwritten = err
	return max(n, 0), err
}
