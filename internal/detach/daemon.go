package detach

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Process is the current process, running in the background.
type Process struct{ tell *os.File }

// Daemon returns the current process if Run started it, and nil if not. Call Daemon first in main,
// because it changes the environment and the umask.
func Daemon() (*Process, error) {
	text := os.Getenv(marker)
	if text == "" {
		return nil, nil
	}
	if err := os.Unsetenv(marker); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: must be a descriptor; only this program should set it", marker, text)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, fmt.Errorf("%s=%s: is not open as a pipe; only this program should set it", marker, text)
	}
	unix.CloseOnExec(fd)
	unix.Umask(umask)
	for _, name := range pids {
		if os.Getenv(name) == "" {
			continue
		}
		if err := os.Setenv(name, strconv.Itoa(os.Getpid())); err != nil {
			return nil, err
		}
	}
	return &Process{os.NewFile(uintptr(fd), marker)}, nil
}

// Ready closes standard input, output and error. It then reports to the process that called Run
// that the daemon is ready. Call it once.
func (p *Process) Ready() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for fd := range firstDescriptor {
		if err := unix.Dup2(int(null.Fd()), fd); err != nil {
			return fmt.Errorf("put %s in place of descriptor %d: %w", os.DevNull, fd, err)
		}
	}
	// An error means that the process that called Run has exited. The daemon continues without it.
	_, _ = p.tell.WriteString("ready")
	return errors.Join(null.Close(), p.tell.Close())
}
