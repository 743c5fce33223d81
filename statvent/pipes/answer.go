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

// answer is the part of a process's text that was read from its pipe so far.
type answer struct {
	file   *os.File
	owner  uint32
	bytes  *budget
	text   []byte
	writer bool // the FIFO has had a writer
}

// read reads until the end of the file. If the end does not come in time, it returns errTimeout, and the
// caller may call read again.
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

// take reads the available bytes, and reports whether they are the last ones. An empty read means the end of the file,
// unless the FIFO has not had a writer yet. The parameter waited says that the caller has waited for data. Then there
// was a writer, because the kernel wakes a waiting reader only when a writer writes or closes the FIFO.
func (a *answer) take(fd int, waited bool) (done bool, err error) {
	for {
		// This is the usual capacity of a pipe, so one read gets all available bytes.
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

// lock prevents other readers that use this package from reading the file until the file is closed.
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

// parse parses the lines of a process, and counts invalid lines. Text after the last newline is invalid, and
// means that the answer is incomplete. If two lines have the same name, the last line is used.
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
