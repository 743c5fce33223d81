package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Replace replaces the file at path with the output of write. If write fails or the machine
// crashes, the old file is kept. Replace first writes to a temporary file, path.new. If there is a file with this name
// that begins with other text than head, it is not a temporary file: Replace keeps it, and returns an error.
func Replace(path, head string, write func(io.Writer) error) error {
	p, err := find(path, false, false)
	if err != nil {
		return err
	}
	path = p.path
	beside := path + ".new"
	file, err := create(beside, head)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return SyncDirectory(filepath.Dir(path))
}

// create creates a temporary file. It first removes a link, a FIFO or an earlier temporary file with the same name.
func create(path, head string) (*os.File, error) {
	if err := CheckTemporary(path, head); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// CheckTemporary returns an error if there is a file at path whose content would be lost if it was removed, and that
// begins with other text than head: it is not a temporary file of the daemon.
func CheckTemporary(path, head string) error {
	var info unix.Stat_t
	err := unix.Lstat(path, &info)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return pathError(path, err)
	case info.Mode&unix.S_IFMT != unix.S_IFREG, info.Nlink > 1: // a file with another name keeps its content
		return nil
	}
	return CheckHead(path, "a temporary file of the daemon", head)
}
