package statvent

import (
	"bytes"
	"errors"
	"os"
	"syscall"
)

// Constants that package syscall does not define. They are the same on every Linux port of Go.
const (
	fSetPipeSz = 1031 // the constant F_SETPIPE_SZ
	fGetPipeSz = 1032 // the constant F_GETPIPE_SZ
)

const (
	atomicWrite = 4096    // PIPE_BUF: the kernel writes up to this number of bytes in one piece, or not at all
	maxPipe     = 1 << 20 // maximum capacity of a pipe that any user may request, in bytes
)

// cutMark is written at the end of a snapshot that the reader did not read in time. It contains no colon and no
// newline, so that no reader parses it as a stat.
const cutMark = "(cut)"

// sendLines writes a snapshot to a new pipe. A snapshot that fits into the pipe is written at once.
// A larger snapshot is written in pieces of complete lines, because the number in an incomplete line
// could be wrong. So a reader that has not read everything at the deadline of w has got only complete
// lines. After them this reader gets cutMark, if the kernel allows a larger pipe.
func sendLines(w *os.File, snapshot []byte) error {
	want := len(snapshot)
	if want > maxPipe {
		want = maxPipe / 2 // mark can then double the capacity to make room for cutMark
	}
	size := resize(w, want)
	if len(snapshot) <= size {
		_, err := w.Write(snapshot)
		return err
	}
	for len(snapshot) > 0 {
		n := wholeLines(snapshot)
		if _, err := w.Write(snapshot[:n]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				mark(w, size)
			}
			return err
		}
		snapshot = snapshot[n:]
	}
	return nil
}

// wholeLines returns the number of bytes to write next: as many complete lines at the start of text
// as the kernel writes in one piece. MaxName makes sure that each line fits.
func wholeLines(text []byte) int {
	if len(text) <= atomicWrite {
		return len(text)
	}
	return bytes.LastIndexByte(text[:atomicWrite], '\n') + 1
}

// mark writes cutMark to a full pipe.
func mark(w *os.File, size int) {
	if resize(w, 2*size) > size {
		// The pipe was full, but resize has just added space for cutMark.
		control(w, func(fd uintptr) { _, _ = syscall.Write(int(fd), []byte(cutMark)) })
	}
}

// resize requests a capacity of size bytes for the pipe, and returns the actual capacity.
func resize(w *os.File, size int) (room int) {
	control(w, func(fd uintptr) {
		got, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, fGetPipeSz, 0)
		if errno != 0 {
			return
		}
		room = int(got)
		if size <= room {
			return
		}
		if got, _, errno = syscall.Syscall(syscall.SYS_FCNTL, fd, fSetPipeSz, uintptr(size)); errno == 0 {
			room = int(got)
		}
	})
	return room
}

func control(w *os.File, f func(fd uintptr)) {
	if conn, err := w.SyscallConn(); err == nil {
		_ = conn.Control(f)
	}
}
