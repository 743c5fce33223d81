//go:build unix

package stdout

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// look is the time between two checks of the context while the pipe is full.
const look = 20 * time.Millisecond

// waitForRoom waits until atOnce bytes can be written to f without blocking.
func waitForRoom(ctx context.Context, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		ready := 0
		var pollErr error
		err := raw.Control(func(fd uintptr) {
			wanted := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			ready, pollErr = unix.Poll(wanted, int(look.Milliseconds()))
		})
		if err = errors.Join(err, pollErr); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if ready > 0 {
			return nil
		}
	}
	return context.Cause(ctx)
}
