package intake

import (
	"cmp"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
)

const (
	// streamRead is the size of one read from a stream.
	streamRead = 64 << 10
	// buffersPerLane limits the connections of a lane that read at the same time. More would not help, because only one
	// at a time can add to the shard.
	buffersPerLane = 4
	// decryptedRead is the size of one read from a connection that decrypts: a record of TLS.
	decryptedRead = 16 << 10
	// lastSweep limits the time spent reading the rest of a closed connection.
	lastSweep = 10 * time.Millisecond
)

// streamBuffer has room for a tail and a read.
type streamBuffer struct {
	bytes   [maxTail + streamRead]byte
	reading kernel.Reading
}

// streamReader reads streams.
type streamReader struct {
	room *room
	// buffers are lent to connections that have data, so idle connections use no buffer. When too many
	// have data, they wait for each other. A nil buffer is made at first use.
	buffers chan *streamBuffer
	// last is the time at which reading must end; nil before shutdown.
	last atomic.Pointer[time.Time]
}

func newStreamReader(r *room) *streamReader {
	s := &streamReader{room: r, buffers: make(chan *streamBuffer, buffersPerLane*len(r.lanes))}
	for range cap(s.buffers) {
		s.buffers <- nil
	}
	return s
}

// read waits for data and adds its lines.
func (s *streamReader) read(st *stream, raw syscall.RawConn) error {
	var failed error
	err := raw.Read(func(fd uintptr) bool {
		failed = s.readOnce(st, fd)
		return !errors.Is(failed, syscall.EAGAIN)
	})
	if err != nil {
		return err
	}
	return failed
}

// readDecrypted waits for the lines of a connection that decrypts, and adds them. It reads into own, because it cannot
// borrow a buffer while it waits.
func (s *streamReader) readDecrypted(st *stream, c net.Conn, own []byte) (n int, err error) {
	n, err = c.Read(own)
	if n == 0 {
		return 0, err
	}
	buf := s.borrow()
	defer s.giveBack(buf)
	kept := copy(buf.bytes[:], st.tail)
	kept += copy(buf.bytes[kept:], own[:n])
	return n, cmp.Or(s.take(st, buf.bytes[:kept], n, 0), err)
}

// sweepDecrypted does the same as sweep, for a connection that decrypts.
func (s *streamReader) sweepDecrypted(st *stream, c net.Conn, own []byte) (err error) {
	last := time.Now().Add(lastSweep)
	if end := s.last.Load(); end != nil {
		last = *end
	}
	raw, err := st.age.conn.SyscallConn()
	if err != nil {
		return err
	}
	left := len(own) // data that c has already read
	if err := raw.Control(func(fd uintptr) { left += kernel.Unread(fd) }); err != nil {
		return err
	}
	for err == nil && (left > 0 || time.Now().Before(last)) {
		_ = st.age.conn.SetReadDeadline(time.Now().Add(lastSweep))
		var n int
		n, err = s.readDecrypted(st, c, own)
		left -= n
	}
	return err
}

// sweep reads all data that the kernel holds for the stream at its deadline, because the goroutine may have waited for
// its turn. As time permits, it also reads data that arrives meanwhile.
func (s *streamReader) sweep(st *stream, raw syscall.RawConn) error {
	last := time.Now().Add(lastSweep) // time limit for a closed connection
	if end := s.last.Load(); end != nil {
		last = *end
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		// one more read than necessary for the bytes, to see the end of the stream
		for reads := 2 + kernel.Unread(fd)/streamRead; failed == nil && (reads > 0 || time.Now().Before(last)); reads-- {
			failed = s.readOnce(st, fd)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// readOnce takes the available data of the stream, or returns EAGAIN. It borrows a buffer for this
// read only.
func (s *streamReader) readOnce(st *stream, fd uintptr) error {
	buf := s.borrow()
	defer s.giveBack(buf)
	kept := copy(buf.bytes[:], st.tail)
	n, at, err := buf.reading.Now(fd, st.local(), buf.bytes[kept:kept+streamRead])
	switch {
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	return s.take(st, buf.bytes[:kept+n], n, at)
}

// borrow waits for a buffer.
func (s *streamReader) borrow() *streamBuffer {
	if buf := <-s.buffers; buf != nil {
		return buf
	}
	return new(streamBuffer)
}

func (s *streamReader) giveBack(buf *streamBuffer) { s.buffers <- buf }

// take adds the lines of a read, whose bytes follow the stream's tail in buf. It returns an error if nothing more can
// be read from the stream.
func (s *streamReader) take(st *stream, buf []byte, read int, at int64) error {
	before := cap(st.tail)
	st.take(buf, read, s.room.now(), at)
	s.room.grow(cap(st.tail) - before)
	if st.framing == unframed {
		return errFrame
	}
	return nil
}
