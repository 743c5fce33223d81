package listen

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// sharePort lets several sockets of this process bind one port.
func sharePort(fd uintptr) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// QueueLimit returns how many datagrams a new unix socket holds beyond the first, of all clients together;
// 0 if the system does not tell.
func QueueLimit() int {
	text, err := os.ReadFile("/proc/sys/net/unix/max_dgram_qlen")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return 0
	}
	return n
}
