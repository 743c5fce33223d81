package statvent

import (
	"bytes"
	"errors"
	"os"
	"syscall"
)

// Numbers that package syscall lacks; they are the same on every Linux port of Go.
const (
	fSetPipeSz = 1031 // F_SETPIPE_SZ
	fGetPipeSz = 1032 // F_GETPIPE_SZ
)

const (
	atomicWrite = 4096    // PIPE_BUF: the kernel writes up to this many bytes as a whole, or not at all
	maxPipe     = 1 << 20 // bytes that any user may ask for in a pipe
)

// cutMark ends a snapshot that the reader did not take in time. It has no colon and no newline,
// so that no reader takes it for a stat.
const cutMark = "(cut)"

// sendLines writes a snapshot to a new pipe. One that fits into the pipe is written at once.
// A larger one is written in pieces of whole lines: a reader that stalls until the deadline of w
// gets no part of a line, which could hold a wrong number. It gets the mark instead, if the kernel
// allows a larger pipe.
func sendLines(w *os.File, snapshot []byte) error {
	want := len(snapshot)
	if want > maxPipe {
		want = maxPipe / 2 // the rest is for the mark
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

// wholeLines returns the length of the longest piece that is written as a whole. MaxName makes
// sure that a line fits.
func wholeLines(text []byte) int {
	if len(text) <= atomicWrite {
		return len(text)
	}
	return bytes.LastIndexByte(text[:atomicWrite], '\n') + 1
}

// mark writes the mark into a pipe that is full.
func mark(w *os.File, size int) {
	if resize(w, 2*size) > size {
		control(w, func(fd uintptr) { _, _ = syscall.Write(int(fd), []byte(cutMark)) }) // write to the room that resize made
	}
}

// resize asks for room for size bytes in the pipe, and returns the room that there is.
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
