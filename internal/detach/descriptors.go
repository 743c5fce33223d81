package detach

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// passOn chooses the descriptors that the daemon inherits. It returns the sockets of LISTEN_FDS, if LISTEN_PID names
// this process: the caller passes them on. It marks all open descriptors close-on-exec, so that the daemon does not
// inherit any others.
func passOn() (sockets []*os.File, err error) {
	dir, err := os.ReadDir("/dev/fd")
	if err != nil {
		return nil, fmt.Errorf("cannot list the open descriptors: %w", err)
	}
	for _, entry := range dir {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd >= firstDescriptor {
			unix.CloseOnExec(fd)
		}
	}
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 0 || n > len(dir) {
		return nil, fmt.Errorf("LISTEN_FDS=%s: must be the number of inherited sockets, at most the number of open descriptors (%d)", os.Getenv("LISTEN_FDS"), len(dir))
	}
	for fd := firstDescriptor; fd < firstDescriptor+n; fd++ {
		sockets = append(sockets, os.NewFile(uintptr(fd), "LISTEN_FDS"))
	}
	return sockets, nil
}
