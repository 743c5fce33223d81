// Package pidfile is the file that says which process a daemon is, and keeps a
// second daemon from running beside it.
//
//	file, err := pidfile.Create("/run/statsd.pid")
//	...
//	err = file.Remove()
//
// The file is locked (flock(2)) for as long as the process lives. The kernel undoes
// the lock with the process, however that ends: a file that is there without a lock
// is a dead daemon's, and is taken over.
package pidfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// File is a pidfile that this process holds.
type File struct{ file *os.File }

// mostBytes is more than a process id has.
const mostBytes = 32

// errReplaced says that the file was removed or replaced while it was opened.
var errReplaced = errors.New("it was replaced again and again meanwhile")

// Create makes the file at path, or takes that of a dead process over, locks it, and
// writes this process's id into it. What holds something else than a process id is left
// alone. The error names the file, and the process that has it.
func Create(path string) (*File, error) {
	var err error
	for range 10 { // each time by a daemon that ended just then
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
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOCTTY, 0o644)
	if err != nil {
		return nil, errors.Unwrap(err) // which names the path too
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
	if !here.Mode().IsRegular() {
		return errors.New("is no regular file")
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	old, readErr := io.ReadAll(io.LimitReader(file, mostBytes))
	pid, notPid := strconv.Atoi(string(bytes.TrimSpace(old)))
	switch {
	case errors.Is(err, unix.EWOULDBLOCK) && notPid == nil:
		return fmt.Errorf("process %d runs and holds it", pid)
	case errors.Is(err, unix.EWOULDBLOCK):
		return errors.New("another process runs and holds it")
	case err != nil:
		return fmt.Errorf("lock: %w", err)
	case readErr != nil:
		return fmt.Errorf("read: %w", readErr)
	case len(old) > 0 && notPid != nil:
		return errors.New("holds something else than a process id, and is left alone")
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(here, there) {
		return errReplaced
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}

// Remove removes the file, and gives up the lock.
func (f *File) Remove() error {
	// In this order nobody can lock it before it is gone: see Create.
	return errors.Join(os.Remove(f.file.Name()), f.file.Close())
}
