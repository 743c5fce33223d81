package sinktest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Fault describes how a Server misbehaves. With the zero Fault, the Server works like carbon: it reads each
// connection until the client closes it, and then closes its side.
type Fault struct {
	// Never makes the Server accept connections but read nothing.
	Never bool
	// BytesPerSecond, if not 0, limits the reading speed. The receive buffer is then small, so that the sender is
	// slowed down.
	BytesPerSecond int
	// CloseAfter, if not 0, closes each connection after this number of bytes. If there are unread bytes at this
	// time, the kernel resets the connection.
	CloseAfter int
	// ResetAfter, if not 0, resets each connection after this number of bytes.
	ResetAfter int
	// Answer is sent on each connection after its first bytes have arrived.
	Answer string
}

// session is an accepted connection.
type session struct {
	*net.TCPConn
	came *Connection
	once sync.Once
	cut  chan struct{} // closed by reset, so that serve does not wait any longer
}

func (c *session) reset() {
	c.once.Do(func() {
		_ = c.SetLinger(0)
		_ = c.Close()
		close(c.cut)
	})
}

// serve reads from c until the sender closes the connection or the fault ends it.
func (s *Server) serve(c *session, f Fault) {
	if f.BytesPerSecond > 0 || f.Never {
		_ = c.SetReadBuffer(max(4<<10, f.BytesPerSecond/16))
	}
	if f.Never {
		<-c.cut
		return
	}
	var tail []byte
	for got := 0; ; {
		buf := make([]byte, f.next(got))
		n, err := c.Read(buf)
		if got == 0 && n > 0 && f.Answer != "" {
			_, _ = io.WriteString(c, f.Answer)
		}
		got += n
		tail = s.keep(c.came, append(tail, buf[:n]...), errors.Is(err, io.EOF))
		if f.ResetAfter > 0 && got == f.ResetAfter {
			c.reset()
			return
		}
		if err != nil || f.CloseAfter > 0 && got == f.CloseAfter {
			return
		}
		if f.BytesPerSecond > 0 {
			select {
			case <-time.After(time.Duration(n) * time.Second / time.Duration(f.BytesPerSecond)):
			case <-c.cut:
			}
		}
	}
}

// next returns the maximum number of bytes for the next read. The parameter got is the number of
// bytes read so far.
func (f Fault) next(got int) int {
	n := 32 << 10
	if f.BytesPerSecond > 0 {
		n = max(1, f.BytesPerSecond/20)
	}
	if f.CloseAfter > 0 {
		n = min(n, f.CloseAfter-got)
	}
	if f.ResetAfter > 0 {
		n = min(n, f.ResetAfter-got)
	}
	return n
}
