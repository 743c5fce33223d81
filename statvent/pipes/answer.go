package pipes

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/statvent"
)

// answer is the text that a process writes, while it arrives.
type answer struct {
	file   *os.File
	owner  uint32
	bytes  *budget
	text   []byte
	writer bool // whether the FIFO has had a writer
}

// read reads to the end of file. If that has not come in time it returns errTimeout, and may be
// called again.
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

// take reads the available bytes, and reports whether they were the last. An empty read is the end of file, unless the
// FIFO has had no writer yet. The kernel wakes a waiting reader only if a writer writes or closes.
func (a *answer) take(fd int, waited bool) (done bool, err error) {
	for {
		// The usual size of a pipe: one read takes all.
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
			if len(a.text) > maxPipe || !a.bytes.take(a.owner, n) {
				return true, errTooLarge
			}
		}
	}
}

// lock keeps other readers that use this package away until the file is closed.
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

// parse reads the lines of one process, and counts malformed ones. Text after the last newline is
// malformed, and means that the answer is cut. Of two lines with the same name the last counts.
func parse(text []byte) (stats map[string]statvent.Value, malformed int, cut bool) {
	stats = make(map[string]statvent.Value)
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		text = rest
		cut = !whole
		name, value, err := statvent.ParseLine(line)
		if _, known := stats[string(name)]; err != nil || !whole || len(stats) == statvent.MaxNames && !known {
			malformed++
			continue
		}
		stats[string(name)] = value
	}
	return stats, malformed, cut
}
