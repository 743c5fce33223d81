package listen

import (
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

func identityOf(info fs.FileInfo) identity {
	s := info.Sys().(*syscall.Stat_t)
	return identity{uint64(s.Dev), uint64(s.Ino), uint64(info.ModTime().UnixNano())} //nolint:unconvert // the sizes differ between systems
}

func ownership(info fs.FileInfo) string {
	s := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("mode %04o, owner %d, group %d", info.Mode().Perm(), s.Uid, s.Gid)
}

func writable(directory string) bool { return unix.Access(directory, unix.W_OK|unix.X_OK) == nil }

// closeMode denies all other users access to a new socket. It is called before the bind: Linux gives the mode of the
// socket to the file that the bind makes.
func closeMode(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) }
