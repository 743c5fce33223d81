package intake

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// streamRead is how many bytes are read from a stream at once.
	streamRead = 64 << 10
	// buffersPerLane is how many connections of a lane may read at a time; only
	// one of them can add to its shard.
	buffersPerLane = 4
	// lastSweep is how long a connection that was cut is still read at most, while
	// it has something.
	lastSweep = 10 * time.Millisecond
)

// streamBuffer has room for a tail and a read.
type streamBuffer struct {
	bytes   [maxLine + 1 + streamRead]byte
	reading reading
}

// streamReader reads streams.
type streamReader struct {
	room *room
	// buffers are lent to connections that have something to read: idle ones
	// cost no memory for it. When many have something at once, they wait for each
	// other. A nil buffer is not made yet.
	buffers chan *streamBuffer
	// last is when reading must be over; nil until there is an end.
	last atomic.Pointer[time.Time]
}

func newStreamReader(r *room) *streamReader {
	s := &streamReader{room: r, buffers: make(chan *streamBuffer, buffersPerLane*len(r.lanes))}
	for range cap(s.buffers) {
		s.buffers <- nil
	}
	return s
}

// read waits until the stream has something, and takes it.
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

// sweep takes what the stream holds when its deadline is over, all of it: the
// goroutine may have had to wait for its turn. What comes meanwhile is taken
// while there is time.
func (s *streamReader) sweep(st *stream, raw syscall.RawConn) error {
	last := time.Now().Add(lastSweep) // of a connection that was cut
	if end := s.last.Load(); end != nil {
		last = *end
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		// One read more than the bytes need sees the end of the stream.
		for reads := 2 + unread(fd)/streamRead; failed == nil && (reads > 0 || time.Now().Before(last)); reads-- {
			failed = s.readOnce(st, fd)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// readOnce takes what the stream holds, EAGAIN if nothing, in a buffer that is
// borrowed only for this.
func (s *streamReader) readOnce(st *stream, fd uintptr) error {
	buf := <-s.buffers
	if buf == nil {
		buf = new(streamBuffer)
	}
	defer func() { s.buffers <- buf }()
	kept := copy(buf.bytes[:], st.tail)
	n, at, err := buf.reading.now(fd, buf.bytes[kept:kept+streamRead])
	switch {
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	before := cap(st.tail)
	st.take(buf.bytes[:kept+n], n, s.room.now(), at)
	s.room.grow(cap(st.tail) - before)
	return nil
}
