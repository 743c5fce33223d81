package sinktest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Fault says how a Server misbehaves. With the zero Fault the Server works like carbon: it reads every connection to
// its end and then closes it.
type Fault struct {
	// Never accepts connections but reads nothing.
	Never bool
	// BytesPerSecond limits the reading speed, if not 0. The receive buffer is then small, so that the
	// sender notices.
	BytesPerSecond int
	// CloseAfter closes each connection after that many bytes, if not 0. If more bytes
	// have come, the kernel resets the connection.
	CloseAfter int
	// ResetAfter resets each connection after this many bytes, if not 0.
	ResetAfter int
	// Answer is sent on each connection when its first bytes have come.
	Answer string
}

// session is one accepted connection.
type session struct {
	*net.TCPConn
	came *Connection
	once sync.Once
	cut  chan struct{} // closed by reset
}

func (c *session) reset() {
	c.once.Do(func() {
		_ = c.SetLinger(0)
		_ = c.Close()
		close(c.cut)
	})
}

// serve reads c until the sender or the fault ends it.
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

// next returns the maximum number of bytes to read next, after got bytes.
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
