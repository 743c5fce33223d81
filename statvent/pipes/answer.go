package pipes

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/statvent"
)

// answer is what a process writes, as it comes.
type answer struct {
	file   *os.File
	budget *atomic.Int64
	text   []byte
	writer bool // there was one
}

// read reads to the end; errTimeout if it has not come by then, and read may go
// on later.
func (a *answer) read(until time.Time) ([]byte, error) {
	if err := a.file.SetReadDeadline(until); err != nil {
		return nil, err
	}
	conn, err := a.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	waited := false
	var failed error
	err = conn.Read(func(fd uintptr) (done bool) {
		done, failed = a.take(int(fd), waited)
		waited = true
		return done
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errTimeout
	}
	return a.text, errors.Join(err, failed)
}

// take reads what is there, and reports whether that was all. Reading nothing
// is the end, unless no writer has come yet: the kernel wakes a waiting reader
// only for a writer's bytes or its leaving.
func (a *answer) take(fd int, waited bool) (done bool, err error) {
	for {
		// As large as the pipe usually is, to have all of it at once.
		a.text = slices.Grow(a.text, 1<<16)
		n, err := syscall.Read(fd, a.text[len(a.text):cap(a.text)])
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			a.writer = true
			return false, nil
		case err != nil:
			return true, err
		case n == 0:
			return a.writer || waited, nil
		default:
			a.writer = true
			a.text = a.text[:len(a.text)+n]
			if a.budget.Add(int64(-n)) < 0 || len(a.text) > maxPipe {
				return true, errTooLarge
			}
		}
	}
}

// hasWriter reports whether a process has the FIFO open for writing, or waits for
// a reader to open it.
func hasWriter(file *os.File) (held bool, err error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return false, err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		var n int
		n, failed = syscall.Read(int(fd), make([]byte, 1))
		if errors.Is(failed, syscall.EAGAIN) {
			held, failed = true, nil
		}
		held = held || n > 0
	})
	return held, errors.Join(err, failed)
}

// lock keeps other readers of this package away until the file is closed.
func lock(file *os.File) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(failed, syscall.EWOULDBLOCK) || errors.Is(failed, syscall.EINTR) {
		failed = errAgain
	}
	return errors.Join(err, failed)
}

// parse reads the lines of one process, and counts those that are none. What
// follows the last newline was cut off. A name that comes twice counts once, as
// it came last.
func parse(text []byte) (stats map[string]statvent.Value, malformed int) {
	stats = make(map[string]statvent.Value)
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		text = rest
		name, value, err := statvent.ParseLine(line)
		if _, known := stats[string(name)]; err != nil || !whole || len(stats) == statvent.MaxNames && !known {
			malformed++
			continue
		}
		stats[string(name)] = value
	}
	return stats, malformed
}
