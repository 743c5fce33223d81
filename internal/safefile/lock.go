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

// InUseError says that another process has locked a file.
type InUseError struct{ PID int } // 0 if the file has none

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return "another process has locked it"
	}
	return fmt.Sprintf("process %d has locked it", e.PID)
}

// Lock locks an open file for this process (flock(2)), or returns an *InUseError. The lock ends
// with the process.
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

// PID returns the process id in a file, or 0 for an empty file.
func PID(file *os.File) (int, error) {
	const limit = 32 // more than any process id
	text, err := io.ReadAll(io.NewSectionReader(file, 0, limit))
	if err != nil {
		return 0, fmt.Errorf("read: %w", err)
	}
	if len(text) == 0 {
		return 0, nil
	}
	pid, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 31)
	if err != nil {
		return 0, errors.New("it holds something other than a process id")
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

// Holding creates or reuses a lock file at path, and locks it. The file stays: only its lock matters. A file that does
// not begin with a process id is not a lock file. That is an error, and the file stays unchanged.
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
		err = pathError(path, fmt.Errorf("%w: %w, so it is not the lock of a daemon; it is left unchanged: move it away", ErrUnsafe, err))
		return nil, errors.Join(err, file.Close())
	}
	_ = WritePID(file) // ignore errors: the process id only informs people
	return file, nil
}
