package spool

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// takeLock opens the file at path, locks it for this process, and writes the
// process id to it. The lock ends with the process, however it ends: a file that was
// left behind means nothing.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if os.IsPermission(err) || isReadOnly(err) {
		file, err = os.Open(path) // it can be locked all the same
	}
	if err != nil {
		return nil, err
	}
	if err := flock(file); err != nil {
		defer closeFile(&file)
		if !isLocked(err) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		owner, _ := io.ReadAll(io.LimitReader(file, 20))
		return nil, fmt.Errorf("%w: %s", ErrInUse, strings.TrimSpace(string(owner)))
	}
	// The id only helps people: without it the lock holds as well.
	if file.Truncate(0) == nil {
		_, _ = fmt.Fprintln(file, os.Getpid())
	}
	return file, nil
}
