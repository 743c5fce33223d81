package server

import (
	"io"
	"syscall"
)

// read waits until the stream has something, and only then borrows a buffer
// for it.
func (t *streams) read(st *stream, raw syscall.RawConn) error {
	var n int
	var failed error
	err := raw.Read(func(fd uintptr) bool {
		buf := t.buffers.Get().(*[maxLine + 1 + streamRead]byte)
		defer t.buffers.Put(buf)
		kept := copy(buf[:], st.tail)
		n, failed = readNow(fd, buf[kept:kept+streamRead])
		if failed == syscall.EAGAIN {
			return false
		}
		if n > 0 {
			st.take(buf[:kept+n], n)
		}
		return true
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case n == 0:
		return io.EOF
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
