// Package exec reports by running a program, which may send a mail or a text message, page a
// person, or call a web hook.
//
//	program, err := exec.New(exec.Config{Path: "/usr/local/bin/page"})
//	err = program.Notify(ctx, event)
//
// runs
//
//	/usr/local/bin/page STATUS SERVICE TEXT
//
// without a shell, so the three arguments need no quoting. STATUS is OK, WARNING, CRITICAL or
// UNKNOWN. The program has the daemon's user, environment and directory, and an empty standard
// input. Exit status 0 means that the report was delivered.
package exec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/notify"

	"github.com/statsd-ops/statsd/metric"
)

const (
	defaultTimeout = 10 * time.Second

	// outputDelay limits the wait for output of processes that the program left running.
	outputDelay = 500 * time.Millisecond
)

// Config sets the program to run.
type Config struct {
	// Path is the program, absolute or relative to the working directory. PATH is not searched. A
	// script needs a #! line.
	Path string

	// Timeout limits the program's running time, by default to 10 s. Then it is killed together with
	// its child processes.
	Timeout time.Duration
}

// Validate returns nil if the program exists and this user may run it.
func (c Config) Validate() error {
	_, err := c.program()
	return err
}

// program returns the absolute path.
func (c Config) program() (string, error) {
	if c.Path == "" {
		return "", metric.FlagErrorf("--notify-exec", nil, "is empty: give the path of a program")
	}
	path, err := filepath.Abs(c.Path)
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		return "", metric.FlagErrorf("--notify-exec", nil, "cannot run %+q: %w", c.Path, reason(err))
	}
	return path, nil
}

// Program is a notify.Notifier that runs one program.
type Program struct {
	path    string
	timeout time.Duration
}

var _ notify.Notifier = (*Program)(nil)

// New returns a notifier for c, or c.Validate's error. It runs nothing.
func New(c Config) (*Program, error) {
	path, err := c.program()
	if err != nil {
		return nil, err
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	return &Program{path: path, timeout: c.Timeout}, nil
}

// Notify runs the program for e and waits until it ends. It returns an error if the program cannot
// be run, exits with another status than 0, or has to be killed. The error shows the beginning of
// the output. Processes left in the program's process group are always killed.
func (p *Program) Notify(ctx context.Context, e notify.Event) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var out head
	cmd := exec.CommandContext(ctx, p.path, e.Status.String(), e.Service, e.Text)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = outputDelay

	start := time.Now()
	err := cmd.Run()
	if cmd.Process != nil {
		// Kill the rest of the group. Usually it is empty and this fails.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case cmd.Process == nil:
		return fmt.Errorf("exec %s: cannot be run: %w", p.path, reason(err))
	case ctx.Err() != nil:
		err = fmt.Errorf("killed, still running after %v", time.Since(start).Round(time.Millisecond))
	}
	return fmt.Errorf("exec %s: %w%v", p.path, err, &out)
}

// reason removes the path from an error; the caller shows it already.
func reason(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if errors.Is(err, syscall.ENOEXEC) {
		return fmt.Errorf("%w (a script needs a #! line)", err)
	}
	return err
}
