package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// Save replaces the file at path with the output of write. If that fails, or the machine crashes,
// the old file stays.
func Save(path string, write func(io.Writer) error) error { return safefile.Replace(path, write) }

// Hold keeps other daemons away from the file at path until the result is closed or the process
// ends. It locks path.lock, because Save replaces the file itself. It returns an error if another
// process has the file, or if a file of this kind can never be used. Other faults, for example of
// the disk, may be temporary: Load and Save report them.
func Hold(path string) (io.Closer, error) {
	file, err := safefile.Open(path, os.O_RDONLY, 0)
	if err == nil {
		err = file.Close()
	}
	if cannotBe(err) {
		return nil, err
	}
	lock, err := safefile.Holding(path + ".lock")
	var taken *safefile.InUseError
	switch {
	case err == nil:
		return lock, nil
	case errors.As(err, &taken):
		return nil, fmt.Errorf("%s is in use: %w", path, err)
	case cannotBe(err):
		return nil, err
	}
	return io.NopCloser(nil), nil
}

// cannotBe reports whether the fault is permanent until the settings or the file change.
func cannotBe(err error) bool {
	if errors.Is(err, safefile.ErrUnsafe) {
		return true
	}
	var at *fs.PathError
	return errors.As(err, &at) && isDirectory(at.Path)
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
