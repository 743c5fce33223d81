// Package pidfile creates a file with the process id of a daemon. The file prevents a second daemon from running.
//
//	file, err := pidfile.Create("/run/statsd.pid")
//	...
//	err = file.Remove()
//
// The daemon locks the file with flock(2). The kernel releases the lock when the process exits, even after a crash. A
// file without a lock was therefore left by a dead daemon, and is reused.
package pidfile

import (
	"errors"
	"fmt"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// File is a locked pidfile of this process.
type File struct{ file *os.File }

// errReplaced means that another process removed or replaced the file while this process opened it.
var errReplaced = errors.New("other daemons replaced the file again and again")

// Create creates a pidfile at path, locks it, and writes this process's id into it. A pidfile that a dead process left
// is reused. Create does not change a file that contains anything except a process id. If another daemon has locked
// the file, the error names the other daemon. If a process of another user has locked it, Create makes a new file.
func Create(path string) (*File, error) {
	var err error
	for range 10 { // an attempt fails if another daemon exits and removes the file at the same moment, so try again
		var file *os.File
		if file, err = open(path); err == nil {
			return &File{file}, nil
		}
		if !errors.Is(err, errReplaced) {
			break
		}
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

func open(path string) (*os.File, error) {
	file, err := safefile.Open(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, errors.Unwrap(err) // drop the outer error, because both errors name the path
	}
	if err := take(file, path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// take locks an open file and writes this process's id into it.
func take(file *os.File, path string) error {
	here, err := file.Stat()
	if err != nil {
		return err
	}
	if err := safefile.Lock(file); err != nil {
		locked, is := errors.AsType[*safefile.InUseError](err)
		if !is || stranger(here, locked.PID) == 0 {
			return err
		}
		// The lock of the stranger stays on the old file.
		return errors.Join(errReplaced, os.Remove(path))
	}
	if _, err := safefile.PID(file); err != nil {
		return fmt.Errorf("%w, and is left unchanged", err)
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(here, there) {
		return errReplaced
	}
	return safefile.WritePID(file)
}

// Remove removes the pidfile and releases the lock on it.
func (f *File) Remove() error {
	// Remove the file before the lock is released. In the opposite order, another daemon could lock the file first, and
	// this process would then remove that daemon's pidfile.
	return errors.Join(os.Remove(f.file.Name()), f.file.Close())
}
