package safefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// InUseError means that another process has locked a file.
type InUseError struct{ PID int } // PID is 0 if the file contains no process id

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return "another process has locked the file"
	}
	return fmt.Sprintf("process %d has locked the file", e.PID)
}

// Lock locks an open file for this process with flock(2). It returns an *InUseError if another
// process has locked the file. The lock ends when the process exits.
func Lock(file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			pid, _ := PID(file)
			return &InUseError{pid}
		}
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
}

// CheckFree returns an error if another process has locked an open file. The file is then the lock
// file or the pidfile of a running program, and must not be changed.
func CheckFree(file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
		switch {
		case err == nil:
			return unix.Flock(int(file.Fd()), unix.LOCK_UN)
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("%w: it is locked by another process, as a lock file or pidfile is: name another file", ErrUnsafe)
		}
		return nil // the file system has no locks
	}
}

// PID returns the process id in a file, or 0 if the file is empty.
func PID(file *os.File) (int, error) {
	const limit = 32 // a process id is shorter than 32 bytes
	text, err := io.ReadAll(io.NewSectionReader(file, 0, limit))
	if err != nil {
		return 0, fmt.Errorf("read: %w", err)
	}
	if len(text) == 0 {
		return 0, nil
	}
	pid, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 31)
	if err != nil {
		return 0, errors.New("the file contains something other than a process id")
	}
	return int(pid), nil
}

// WritePID replaces the content of a file with this process's id.
func WritePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}

// Holding opens or creates the lock file at path, and locks it. The file is never removed. If the
// file does not start with a process id, it is not a lock file: Holding then returns an error and
// leaves the file unchanged.
func Holding(path string) (*os.File, error) {
	file, err := Open(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) {
		file, err = Open(path, os.O_RDONLY, 0) // a read-only file can be locked too
	}
	if err != nil {
		return nil, err
	}
	if err := Lock(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, err := PID(file); err != nil {
		err = pathError(path, fmt.Errorf("%w: %w, so the file is not the lock of a daemon: move the file away", ErrUnsafe, err))
		return nil, errors.Join(err, file.Close())
	}
	_ = WritePID(file) // ignore the error: the process id in the file is only information for people
	return file, nil
}
