package statvent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	fOFDSetLk = 37  // F_OFD_SETLK, which package syscall lacks
	holdTries = 100 // more than the number of recorders that can close at the same moment
)

var errHeld = errors.New("another recorder has it already: in this process, or in one with the same pid in another pid namespace")

// hold keeps other Recorders away from a place, DIR/PID.stats, by a lock on the file
// DIR/.PID.lock. The pipe itself cannot be locked: opening it for that makes a reader or a
// writer. The kernel drops the lock when the process ends.
type hold struct {
	path string // of the lock
	file *os.File
}

// takeHold locks the place of the pipe at path, and makes its directory if need be.
func takeHold(path string) (*hold, error) {
	dir, name := filepath.Split(path)
	h := &hold{path: filepath.Join(dir, "."+strings.TrimSuffix(name, ".stats")+".lock")}
	return h, h.take()
}

// keep takes the lock again if its file was removed, as by a cleaner of /tmp.
func (h *hold) keep() error {
	if isAt(h.file, h.path) {
		return nil
	}
	_ = h.file.Close() // nothing was written
	h.file = nil
	return h.take()
}

// take locks the file. If the holder removes the file meanwhile, it tries again.
func (h *hold) take() error {
	for range holdTries {
		file, err := openLock(h.path)
		if err != nil {
			return err
		}
		if isAt(file, h.path) {
			h.file = file
			return nil
		}
		_ = file.Close() // nothing was written
	}
	return fmt.Errorf("another process keeps removing %s", h.path)
}

// release removes the lock and its file.
func (h *hold) release() error {
	if h.file == nil {
		return nil
	}
	var err error
	if isAt(h.file, h.path) {
		err = os.Remove(h.path)
	}
	return errors.Join(err, h.file.Close())
}

// openLock opens and locks the file at path. Another user must not be able to open it, and to
// lock it first.
func openLock(path string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	file, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
		file, err = os.OpenFile(path, flags, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is in the way: %w", path, err)
	}
	if err := lock(file); err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	return file, nil
}

// lock locks a regular file for this open file, not for the process: two Recorders of one
// process exclude each other too.
func lock(file *os.File) error {
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return errors.Join(fmt.Errorf("%s is in the way and not an empty regular file: remove it", file.Name()), err)
	}
	err := syscall.FcntlFlock(file.Fd(), fOFDSetLk, &syscall.Flock_t{Type: syscall.F_WRLCK})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return errHeld
	}
	if err != nil {
		return fmt.Errorf("cannot lock %s: %w", file.Name(), err)
	}
	return nil
}

// isAt reports whether path names the open file.
func isAt(file *os.File, path string) bool {
	if file == nil {
		return false
	}
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	here, err := file.Stat()
	return err == nil && os.SameFile(here, there)
}
