package graphite

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged returns the number of bytes written to conn that the receiver's kernel has not acknowledged,
// including unsent bytes. The closing of the sending half counts as one byte. The number stays valid after a
// reset. See SIOCOUTQ in tcp(7).
func unacknowledged(conn *net.TCPConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var queued int
	var ioctlErr error
	if err := raw.Control(func(fd uintptr) {
		queued, ioctlErr = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	}); err != nil {
		return 0, err
	}
	return queued, ioctlErr
}
