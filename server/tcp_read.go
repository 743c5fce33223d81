package server

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// read waits until the stream has something, and takes it.
func (t *streams) read(st *stream, raw syscall.RawConn) error {
	var failed error
	err := raw.Read(func(fd uintptr) bool {
		failed = t.readOnce(st, fd)
		return !errors.Is(failed, syscall.EAGAIN)
	})
	if err != nil {
		return err
	}
	return failed
}

// sweep takes what the stream has when its deadline is over, all of it: the
// goroutine may have had to wait for its turn. What comes meanwhile is taken
// while there is time.
func (t *streams) sweep(st *stream, raw syscall.RawConn) error {
	last := time.Now().Add(lastSweep) // of one that was cut
	if end := t.lastRead.Load(); end != nil {
		last = *end
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		// One read more than the bytes need sees the end of the stream.
		for reads := 2 + unread(fd)/streamRead; failed == nil && (reads > 0 || time.Now().Before(last)); reads-- {
			failed = t.readOnce(st, fd)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// readOnce takes what the stream has, EAGAIN if nothing, in a buffer that is
// borrowed only for this.
func (t *streams) readOnce(st *stream, fd uintptr) error {
	buf := <-t.buffers
	if buf == nil {
		buf = new(streamBuffer)
	}
	defer func() { t.buffers <- buf }()
	kept := copy(buf[:], st.tail)
	n, err := readNow(fd, buf[kept:kept+streamRead])
	switch {
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	before := cap(st.tail)
	st.take(buf[:kept+n], n, t.now())
	if grown := cap(st.tail) - before; grown != 0 && t.tails.Add(int64(grown)) > mostTails && grown > 0 {
		t.cutOldest(cutMemory)
	}
	return nil
}

func readNow(fd uintptr, b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), b)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
