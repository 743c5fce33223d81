package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// Save makes what write writes the file at path, or leaves the file as it was, also when
// the machine crashes.
func Save(path string, write func(io.Writer) error) error { return safefile.Replace(path, write) }

// Hold keeps other daemons away from the file at path, until the result is closed or the
// process ends. It locks path.lock, as Save replaces the file itself. It returns an error if another
// process has the file, or if a file of this kind can never be used. Other faults, such as
// those of a disk, may pass: Load and Save tell them.
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

// cannotBe reports whether only a change of the settings or of the file can help.
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
