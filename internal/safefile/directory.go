package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Directory creates a directory for the daemon's own files, and its parents. If path is a link to a
// directory, Directory follows the link. The directory must belong to root or to the user of this
// process, because its owner can replace all files in it.
func Directory(path string) error { return directory(path, true) }

// Subdirectory creates a directory in one of the daemon's own directories. It checks both of them.
// path must not be a link.
func Subdirectory(path string) error {
	if err := directory(filepath.Dir(path), true); err != nil {
		return err
	}
	return directory(path, false)
}

func directory(path string, links bool) error {
	p, err := find(path, links, false)
	if err != nil {
		return err
	}
	info := p.info
	if info == nil {
		if err := os.MkdirAll(p.path, 0o700); err != nil {
			return err
		}
		if info, err = os.Lstat(p.path); err != nil { // another user may have been faster
			return err
		}
	}
	switch owner := ownerOf(info).Uid; {
	case !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}
	case !trusted(owner):
		return &fs.PathError{Op: "mkdir", Path: path, Err: fmt.Errorf(
			"%w: it belongs to user %d: only root or the daemon's user (%d) may own the directory: choose another directory, or change its owner", ErrUnsafe, owner, os.Geteuid())}
	}
	return nil
}

// SyncDirectory makes newly created names in a directory durable (fsync).
func SyncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
