// Package detach lets a command continue in the background, as a daemon. A Go program cannot
// fork, so the command starts itself again, in a session of its own:
//
//	daemon, err := detach.Daemon() // nil unless this process is in the background
//	if daemon == nil {
//		err = detach.Run(ctx) // starts the daemon, and waits until it is ready or fails
//		os.Exit(...)
//	}
//	... // bind, lock
//	err = daemon.Ready() // ends the wait of the command
//
// Until it is ready, the daemon writes errors to the command's standard error; after that it has none.
// It inherits no other descriptors except the sockets of LISTEN_FDS. LISTEN_PID and WATCHDOG_PID are
// set to its process id (see sd_listen_fds(3) and sd_watchdog_enabled(3)). It has the command's
// arguments, program name, environment and working directory, and the umask 022.
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

// marker is the variable that makes a process the daemon. Its value is the descriptor on which the
// daemon reports that it is ready.
const marker = "_STATSD_DETACHED"

const (
	firstDescriptor = 3 // after standard input, output and error
	umask           = 0o022
)

// pids are variables that hold the id of the process that other variables are meant for.
var pids = []string{"LISTEN_PID", "WATCHDOG_PID"}

// Error says that the daemon ended before it was ready. The daemon has printed the reason.
type Error struct {
	Code int // its exit status, or -1 when a signal ended it
	text string
}

func (e *Error) Error() string { return e.text }

// Run starts this program again in the background, and waits until it is ready. An *Error says that
// it ended first. If ctx ends, the daemon gets a SIGTERM. Call Run before anything is opened.
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

// command returns this program as a daemon that inherits tell.
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
