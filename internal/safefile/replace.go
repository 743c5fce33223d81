package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace makes what write writes the file at path, or leaves the file as it was, also
// when the machine crashes. It writes to path.new first.
func Replace(path string, write func(io.Writer) error) error {
	if err := checkPlace(path, false); err != nil {
		return err
	}
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

// create makes a new file. One that was left there, or a link, goes away first.
func create(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// SyncDirectory makes new names in a directory last.
func SyncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
