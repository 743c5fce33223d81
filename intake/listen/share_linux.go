package listen

import (
	"os"

	"golang.org/x/sys/unix"
)

// sharePort lets several sockets of this process bind one port.
func sharePort(fd uintptr) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}
