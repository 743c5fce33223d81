// Package detach lets a command continue in the background, as a daemon. A Go program cannot fork, so the command
// starts its own program again as a new process in a new session:
//
//	daemon, err := detach.Daemon() // nil unless this process is in the background
//	if daemon == nil {
//		err = detach.Run(ctx) // starts the daemon, and waits until it is ready or fails
//		os.Exit(...)
//	}
//	... // bind, lock
//	err = daemon.Ready() // makes Run return in the command
//
// Until Ready is called, the daemon writes errors to the command's standard error. After Ready, its standard error is
// /dev/null. The daemon inherits no other descriptors except the sockets of LISTEN_FDS. Daemon sets LISTEN_PID and
// WATCHDOG_PID to the daemon's process id (see sd_listen_fds(3) and sd_watchdog_enabled(3)). The daemon has the
// command's arguments, program name, environment and working directory, and the umask 022.
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

// marker is the name of an environment variable. If it is set, the process runs as the daemon. Its
// value is the number of the descriptor on which the daemon reports that it is ready.
const marker = "_STATSD_DETACHED"

const (
	firstDescriptor = 3 // descriptors 0 to 2 are standard input, output and error
	umask           = 0o022
)

// pids lists environment variables with a process id. Other variables, such as LISTEN_FDS, are
// valid only for the process with this id.
var pids = []string{"LISTEN_PID", "WATCHDOG_PID"}

// Error is returned if the daemon exited before it was ready. The daemon has printed the reason.
type Error struct {
	Code int // exit status, or -1 if the daemon was killed by a signal
	text string
}

func (e *Error) Error() string { return e.text }

// Run starts this program again in the background, and waits until it is ready. It returns an
// *Error if the new process exits before that. If ctx ends, Run sends the new process a SIGTERM.
// Call Run before the program opens files or sockets.
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
	word, err := io.ReadAll(told) // returns when the daemon is ready or has exited
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

// command returns the command that starts this program as a daemon. The daemon
// inherits tell, a pipe through which it reports that it is ready.
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
			continue // the variable is not for this process
		}
		cmd.Env = append(cmd.Env, variable)
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", marker, firstDescriptor+len(sockets)))
	return cmd, nil
}
