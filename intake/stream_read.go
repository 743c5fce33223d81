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
	// buffersPerLane limits the connections of a lane that read at the same time. More connections would not be faster,
	// because only one goroutine at a time can add to the shard.
	buffersPerLane = 4
	// decryptedRead is the size of one read from a TLS connection: the size of a TLS record.
	decryptedRead = 16 << 10
	// lastSweep limits the time for reading what a closed connection still holds.
	lastSweep = 10 * time.Millisecond
)

// streamBuffer is a buffer for the tail of a stream and one read.
type streamBuffer struct {
	bytes   [maxTail + streamRead]byte
	reading kernel.Reading
}

// streamReader reads the data of streams into the lanes.
type streamReader struct {
	room *room
	// buffers are lent to connections that have data, so idle connections use no buffer. If all
	// buffers are in use, connections wait. A nil buffer is allocated at its first use.
	buffers chan *streamBuffer
	// last is the time at which all reading must end. It is nil before shutdown.
	last atomic.Pointer[time.Time]
}

func newStreamReader(r *room) *streamReader {
	s := &streamReader{room: r, buffers: make(chan *streamBuffer, buffersPerLane*len(r.lanes))}
	for range cap(s.buffers) {
		s.buffers <- nil
	}
	return s
}

// read waits for data of a stream, and adds its lines.
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

// readDecrypted waits for lines of a TLS connection, and adds them. It reads into own, a buffer of
// the connection, because a connection must not keep a shared buffer while it waits.
func (s *streamReader) readDecrypted(st *stream, c net.Conn, own []byte) error {
	n, err := c.Read(own)
	if n == 0 {
		return err
	}
	buf := s.borrow()
	defer s.giveBack(buf)
	kept := copy(buf.bytes[:], st.tail)
	kept += copy(buf.bytes[kept:], own[:n])
	return cmp.Or(s.take(st, buf.bytes[:kept], n, st.socket.at), err)
}

// sweepDecrypted reads all data that waits in a TLS connection whose deadline has passed.
func (s *streamReader) sweepDecrypted(st *stream, c net.Conn, own []byte) error {
	err := st.socket.sweep(s.lastRead())
	for err == nil {
		err = s.readDecrypted(st, c, own)
	}
	return err
}

// sweep reads all data that the kernel holds for a stream whose deadline has passed. The goroutine
// may have waited for a buffer, so there can be unread data. If time remains, sweep also reads data
// that arrives while it runs.
func (s *streamReader) sweep(st *stream, raw syscall.RawConn) error {
	last := s.lastRead()
	var failed error
	err := raw.Control(func(fd uintptr) {
		// After the reads for the waiting bytes, one more read is needed: it detects the end of the stream.
		for reads := 2 + kernel.Unread(fd)/streamRead; failed == nil && (reads > 0 || time.Now().Before(last)); reads-- {
			failed = s.readOnce(st, fd)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// lastRead returns the time until which a sweep may read data that arrives while it runs.
func (s *streamReader) lastRead() time.Time {
	if end := s.last.Load(); end != nil {
		return *end
	}
	return time.Now().Add(lastSweep)
}

// readOnce adds the available data of the stream, or returns EAGAIN if there is none. It borrows a
// buffer for this one read.
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

// borrow waits until a buffer is free, and returns it.
func (s *streamReader) borrow() *streamBuffer {
	if buf := <-s.buffers; buf != nil {
		return buf
	}
	return new(streamBuffer)
}

func (s *streamReader) giveBack(buf *streamBuffer) { s.buffers <- buf }

// take adds the lines of one read. buf contains the stream's tail, and after it the bytes of this read. The parameter
// read is the number of bytes of this read. take returns an error if nothing more can be read from the stream.
func (s *streamReader) take(st *stream, buf []byte, read int, at int64) error {
	before := cap(st.tail)
	st.take(buf, read, s.room.now(), at)
	s.room.grow(cap(st.tail) - before)
	if st.framing == unframed {
		return errFrame
	}
	return nil
}
