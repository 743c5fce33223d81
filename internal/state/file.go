package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// Save replaces the file at path with the output of write. If write fails or the machine crashes,
// the old file is kept.
func Save(path string, write func(io.Writer) error) error {
	return safefile.Replace(path, format, write)
}

// Hold prevents other daemons from using the file at path, until the returned Closer is closed or the process exits.
// Hold locks path.lock and not path itself, because Save replaces path. It returns an error if another process has
// the lock, if the file has a type or owner that is never allowed, if it is not a state file, or if path.new is not a
// temporary file of Save. It ignores faults that may be temporary, such as disk errors: Load and Save report them.
func Hold(path string) (io.Closer, error) {
	if err := safefile.CheckHead(path, "a state file", format); cannotBe(err) {
		return nil, err
	}
	if err := safefile.CheckTemporary(path+".new", format); cannotBe(err) {
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

// cannotBe reports whether an error persists until the settings or the file are changed.
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
