// Package pidfile is the file that holds the process id of a daemon, and keeps a second
// daemon from running.
//
//	file, err := pidfile.Create("/run/statsd.pid")
//	...
//	err = file.Remove()
//
// The file is locked (flock(2)) while the process lives. The kernel drops the lock when the process ends in any way. So
// a file without a lock was left by a dead daemon, and is reused.
package pidfile

import (
	"errors"
	"fmt"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// File is a pidfile that this process holds.
type File struct{ file *os.File }

// errReplaced says that the file was removed or replaced while it was opened.
var errReplaced = errors.New("other daemons replaced it again and again")

// Create creates the file at path, or takes over the file of a dead process, locks it, and writes
// this process's id into it. It does not touch a file that holds anything other than a process id.
// The error names the file, and the process that has locked it.
func Create(path string) (*File, error) {
	var err error
	for range 10 { // each time a daemon may end and remove the file
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
		return nil, errors.Unwrap(err) // the inner error names the path too
	}
	if err := take(file, path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// take locks an open file, and writes the process's id into it.
func take(file *os.File, path string) error {
	here, err := file.Stat()
	if err != nil {
		return err
	}
	if err := safefile.Lock(file); err != nil {
		return err
	}
	if _, err := safefile.PID(file); err != nil {
		return fmt.Errorf("%w; it is left unchanged", err)
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(here, there) {
		return errReplaced
	}
	return safefile.WritePID(file)
}

// Remove removes the file and releases the lock.
func (f *File) Remove() error {
	// In this order no other process can lock the file before it is gone: see Create.
	return errors.Join(os.Remove(f.file.Name()), f.file.Close())
}
