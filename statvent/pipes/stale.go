package pipes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

const fOFDGetLk = 36 // F_OFD_GETLK, which package syscall does not define

// bury handles a pipe whose process does not exist in this pid namespace. If the pipe has a writer, the process runs in
// another pid namespace, and the pipe is not stale. If not, the process is dead, and the pipe is stale.
func (p *pipe) bury(pid int, file *os.File, info fs.FileInfo) (finding, error) {
	held, err := hasWriter(file)
	if err != nil {
		return finding{}, err
	}
	if held {
		return finding{}, fmt.Errorf("process %d has ended, but the pipe has a writer", pid)
	}
	f := finding{stale: true}
	if p.reader.RemoveStale && gone(pid) && p.names(info) {
		if err := os.Remove(p.path()); err != nil {
			f.err = fmt.Errorf("process %d has ended, but its pipe cannot be removed: %w", pid, err)
		}
		f.removed = f.err == nil
	}
	return f, nil
}

// sweep removes the hidden files of a killed process: its staged pipe and its lock file.
func (p *pipe) sweep(hidden string) {
	isLock := strings.HasSuffix(hidden, ".lock")
	suffix := ".stats"
	if isLock {
		suffix = ".lock"
	}
	pid, ok := pidOf(hidden, suffix)
	if !ok || !p.reader.RemoveStale || !gone(pid) {
		return
	}
	if isLock {
		p.sweepLock()
		return
	}
	file, err := p.open()
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }() // nothing was written, so the error is ignored
	if info, err := file.Stat(); err == nil {
		_, _ = p.bury(pid, file, info) // on an error, the next reading tries again
	}
}

// sweepLock removes a lock file that no process of any pid namespace has locked.
func (p *pipe) sweepLock() {
	file, err := os.OpenFile(p.path(), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }() // nothing was written, so the error is ignored
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return
	}
	query := syscall.Flock_t{Type: syscall.F_WRLCK}
	if syscall.FcntlFlock(file.Fd(), fOFDGetLk, &query) == nil && query.Type == syscall.F_UNLCK && p.names(info) {
		_ = os.Remove(p.path()) // on an error, the next reading tries again
	}
}

// hasWriter reports whether a process has opened the FIFO for writing or is waiting for a reader.
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
