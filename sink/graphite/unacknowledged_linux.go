package graphite

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged returns how many of the bytes written to conn the receiver's
// kernel has not acknowledged, those not yet sent included; the end of our half
// counts as one. It goes on to be true after the connection was reset. See tcp(7),
// SIOCOUTQ.
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
