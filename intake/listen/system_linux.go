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

// QueueLimit returns the number of datagrams that can wait in the queue of a new unix socket. The
// queue can hold one more. All clients of the socket share the queue. QueueLimit returns 0 if the
// limit is unknown.
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
