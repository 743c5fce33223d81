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
	fOFDSetLk = 37  // F_OFD_SETLK, which package syscall does not define
	holdTries = 100 // number of attempts to take the lock; each recorder that closes at the same time can make one attempt fail
)

var errHeld = errors.New("another recorder uses it already: in this process, or in a process with the same pid in another pid namespace")

// hold locks the file DIR/.PID.lock. The lock prevents other Recorders from using the pipe
// DIR/PID.stats. The pipe itself cannot be locked, because a process that opens the pipe becomes a
// reader or a writer. The kernel releases the lock when the process exits.
type hold struct {
	path string // path of the lock file
	file *os.File
}

// takeHold takes the lock for the pipe at path. It creates the directory if necessary.
func takeHold(path string) (*hold, error) {
	dir, name := filepath.Split(path)
	h := &hold{path: filepath.Join(dir, "."+strings.TrimSuffix(name, ".stats")+".lock")}
	return h, h.take()
}

// keep takes the lock again if the lock file was removed, for example by a program that cleans /tmp.
func (h *hold) keep() error {
	if isAt(h.file, h.path) {
		return nil
	}
	_ = h.file.Close() // nothing was written, so the error is ignored
	h.file = nil
	return h.take()
}

// take creates and locks the lock file. It tries again if the holder of the lock removes the file at the same
// time.
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
		_ = file.Close() // nothing was written, so the error is ignored
	}
	return fmt.Errorf("another process keeps removing %s", h.path)
}

// release releases the lock, and removes the lock file.
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

// openLock opens and locks the file at path. The file has no permissions for other users, so that they cannot
// open it and take the lock.
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
		return nil, fmt.Errorf("%s cannot be used: %w", path, err)
	}
	if err := lock(file); err != nil {
		_ = file.Close() // nothing was written, so the error is ignored
		return nil, err
	}
	return file, nil
}

// lock locks a regular file. The lock belongs to the open file, not to the process, so that two Recorders in one
// process exclude each other too.
func lock(file *os.File) error {
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return errors.Join(fmt.Errorf("%s cannot be used, because it is not an empty regular file: remove it", file.Name()), err)
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

// isAt reports whether path is the name of an open file.
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
