package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace replaces the file at path with the output of write. If write fails or the machine
// crashes, the old file is kept. Replace first writes to a temporary file, path.new.
func Replace(path string, write func(io.Writer) error) error {
	p, err := find(path, false, false)
	if err != nil {
		return err
	}
	path = p.path
	beside := path + ".new"
	file, err := create(beside)
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

// create creates a file. It first removes an existing file or link with the same name.
func create(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
