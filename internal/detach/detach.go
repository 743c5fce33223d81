// Package detach lets a command go on in the background, as a daemon. A Go program
// cannot fork, so that the command starts itself once more, in a session of its own:
//
//	daemon, err := detach.Daemon() // nil unless this process is the one in the background
//	if daemon == nil {
//		err = detach.Run(ctx) // starts that one, and waits until it is ready, or has failed
//		os.Exit(...)
//	}
//	... // bind, lock
//	err = daemon.Ready() // who started it goes on from here
//
// Until it is ready the daemon has the standard error of who started it, to say there what
// is wrong; then none. It inherits no other descriptors but the sockets of LISTEN_FDS,
// which with LISTEN_PID and WATCHDOG_PID become its own (see sd_listen_fds(3) and
// sd_watchdog_enabled(3)). It has the arguments, the program name, the environment and the
// working directory of who started it, and the umask 022.
package detach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// marker is the variable that tells the daemon what it is: its value is the descriptor
// on which it says that it is ready.
const marker = "_STATSD_DETACHED"

const (
	firstDescriptor = 3 // behind standard input, output and error
	umask           = 0o022
)

// pids are the variables that name the process which others are meant for.
var pids = []string{"LISTEN_PID", "WATCHDOG_PID"}

// Error says that the daemon ended before it was ready; why, it has said itself.
type Error struct {
	Code int // its exit status, or -1 when a signal ended it
	text string
}

func (e *Error) Error() string { return e.text }

// Run starts this program once more in the background, and waits until it is ready. An
// *Error says that it ended instead. When ctx ends before, the daemon gets a SIGTERM.
// Run is for a process that has opened nothing yet.
func Run(ctx context.Context) error {
	told, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer told.Close()
	cmd, err := command(tell)
	if err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, tell.Close()); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	word, err := io.ReadAll(told) // ends once the daemon is ready, or has ended
	if err != nil || len(word) > 0 {
		return errors.Join(err, cmd.Process.Release())
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &Error{exit.ExitCode(), fmt.Sprintf("the daemon ended before it was ready: %v", exit)}
	}
	if err == nil {
		return &Error{0, "the daemon ended before it was ready"}
	}
	return err
}

// command is this program in the background, with tell as one of its descriptors.
func command(tell *os.File) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	sockets, err := passOn()
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path:        path,
		Args:        os.Args,
		Stderr:      os.Stderr,
		ExtraFiles:  append(sockets, tell),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if name == "LISTEN_FDS" && len(sockets) == 0 || slices.Contains(pids, name) && value != strconv.Itoa(os.Getpid()) {
			continue // meant for another process
		}
		cmd.Env = append(cmd.Env, variable)
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", marker, firstDescriptor+len(sockets)))
	return cmd, nil
}
