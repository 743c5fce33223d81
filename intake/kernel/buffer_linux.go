package kernel

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory returns one of the kernel's numbers about the socket's memory. index is one of
// SK_MEMINFO_* in linux/sock_diag.h.
func (s *Socket) memory(index int) uint32 {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return info[index]
}

// Drops returns the number of datagrams that the kernel has dropped since the socket was made,
// because the receive buffer was full. The kernel's counter has 32 bits.
func (s *Socket) Drops() uint32 { return s.memory(8) }

// Granted returns the size of the receive buffer as the kernel counts it, including the kernel's
// overhead for each datagram.
func (s *Socket) Granted() int { return int(s.memory(1)) }

// SetBuffer requests a receive buffer that holds this many bytes of payload.
func (s *Socket) SetBuffer(bytes int) error {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) == nil {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

// GrowBuffer calls SetBuffer, unless the receive buffer is already larger than this process may
// request. For example, systemd can give a socket a larger buffer.
func (s *Socket) GrowBuffer(bytes int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	probe := &Socket{fd: fd}
	defer func() { _ = probe.Close() }()
	if err := probe.SetBuffer(bytes); err != nil || probe.Granted() <= s.Granted() {
		return err
	}
	return s.SetBuffer(bytes)
}
