package listen

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// sharePort lets several sockets of this process bind the same port.
func sharePort(fd uintptr) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// QueueLimit returns the system's limit on the datagrams in the queue of a new unix socket, or 0 if
// the limit is unknown. The queue holds one datagram more than the limit. All clients of the socket
// share the queue.
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
