package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// shared is a directory that every user can write to.
type shared struct{ owner uint32 }

// sharedDirectory returns the directory of path if every user can write to it, and nil if not.
func sharedDirectory(path string) (*shared, error) {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	const othersWrite = 0o002
	if info.Mode().Perm()&othersWrite == 0 {
		return nil, nil
	}
	return &shared{ownerOf(info).Uid}, nil
}

// check refuses a file or link that another user may have created.
func (s *shared) check(info fs.FileInfo) error {
	stat := ownerOf(info)
	switch {
	case stat.Uid != uint32(os.Geteuid()) && stat.Uid != s.owner:
		return fmt.Errorf("%w: it belongs to user %d, in a directory that every user can write to", ErrUnsafe, stat.Uid)
	case info.Mode().IsRegular() && stat.Nlink > 1:
		return fmt.Errorf("%w: it also has another name (a hard link), in a directory that every user can write to", ErrUnsafe)
	}
	return nil
}

// checkPlace refuses a symbolic link at path, unless links are followed. It also refuses a file
// that another user may have created.
func checkPlace(path string, links bool) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !links && info.Mode()&fs.ModeSymlink != 0 {
		return pathError(path, fmt.Errorf("%w: it is a symbolic link; give the path of the file itself", ErrUnsafe))
	}
	directory, err := sharedDirectory(path)
	if err != nil || directory == nil {
		return err
	}
	if err := directory.check(info); err != nil {
		return pathError(path, err)
	}
	return nil
}

func ownerOf(info fs.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }
