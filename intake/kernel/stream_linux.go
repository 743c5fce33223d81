package kernel

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stamp makes the kernel return the time of arrival with each read from a connection.
func Stamp(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) // on failure the time of reading is used
}

// Reading is the memory for reads from a connection. The memory must not move, because the kernel
// writes to it.
type Reading struct {
	vector  unix.Iovec
	header  unix.Msghdr
	arrival arrival
}

// Now reads the available bytes of a connection, or returns EAGAIN if there are none. at is the
// time when the last of these bytes arrived, in Unix nanoseconds. It is 0 if the time is unknown,
// as for unix sockets. For unix sockets there is no room for control messages, so a client cannot
// pass open files to this process.
func (r *Reading) Now(fd uintptr, local bool, b []byte) (n int, at int64, err error) {
	r.vector.Base = &b[0]
	r.vector.SetLen(len(b))
	r.header = unix.Msghdr{Iov: &r.vector}
	r.header.SetIovlen(1)
	for {
		if !local {
			r.header.Control = (*byte)(unsafe.Pointer(&r.arrival))
			r.header.SetControllen(int(unsafe.Sizeof(r.arrival)))
		}
		got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.header)), unix.MSG_DONTWAIT)
		runtime.KeepAlive(r)
		switch errno {
		case 0:
			if r.header.Controllen > 0 {
				at = r.arrival.at()
			}
			return int(got), at, nil
		case unix.EINTR:
		default:
			return 0, 0, errno
		}
	}
}

// Unread returns the number of bytes that the kernel holds for a TCP connection, or 0 if it is unknown. See
// tcp(7), SIOCINQ.
func Unread(fd uintptr) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
