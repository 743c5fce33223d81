package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ReadPrivate returns the content of a secret file, up to the number of bytes in the parameter
// limit. The file must be owned by root or by the user of this process. No other user may have
// access to it.
func ReadPrivate(path string, limit int64) ([]byte, error) {
	file, err := Read(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	return readAll(file, path, limit)
}

func checkPrivate(path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, so others have access to it: chmod 600 it", path, mode)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: only root or the daemon's user (%d) may own it", path, owner.Uid, os.Geteuid())
	}
	return nil
}
