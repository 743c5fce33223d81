// Package exec runs a program of the operator for each report. The program can send a mail or a text message, page a
// person, or call a web hook.
//
//	program, err := exec.New(exec.Config{Path: "/usr/local/bin/page"})
//	err = program.Notify(ctx, event)
//
// Notify runs this command:
//
//	/usr/local/bin/page STATUS SERVICE TEXT
//
// It uses no shell, so the three arguments need no quotes. STATUS is OK, WARNING, CRITICAL or UNKNOWN. The program runs
// with the daemon's user, environment and working directory, and with an empty standard input. Exit status 0 means that
// the report was delivered.
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

	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/notify"
)

const (
	defaultTimeout = 10 * time.Second

	// outputDelay is how long to wait for the output of child processes after the program has exited.
	outputDelay = 500 * time.Millisecond
)

// Config configures the program to run.
type Config struct {
	// Path is the path of the program, absolute or relative to the working directory. PATH is not searched. A script
	// needs a #! line.
	Path string

	// Timeout is the maximum running time of the program. The default is 10 s. After that, the program and its child
	// processes are killed.
	Timeout time.Duration
}

// Validate returns nil if the program exists, this user may run it, and it does not come from another
// user (see package safefile).
func (c Config) Validate() error {
	_, err := c.program()
	return err
}

// program returns the absolute path of the program.
func (c Config) program() (string, error) {
	if c.Path == "" {
		return "", metric.FlagErrorf("--notify-exec", nil, "is empty: give the path of a program")
	}
	path, err := filepath.Abs(c.Path)
	if err == nil {
		err = safefile.Program(path)
	}
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		return "", metric.FlagErrorf("--notify-exec", nil, "cannot run %+q: %w", c.Path, reason(err))
	}
	return path, nil
}

// Program is a notify.Notifier that runs a program.
type Program struct {
	path    string
	timeout time.Duration
}

var _ notify.Notifier = (*Program)(nil)

// New returns a Program for c, or the error of c.Validate. It does not run the program.
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

// Notify runs the program for e, and waits until it exits. It returns an error if the program cannot be run,
// exits with a status other than 0, or must be killed. The error contains the beginning of the program's output.
// After the program has exited, all processes in its process group are killed.
func (p *Program) Notify(ctx context.Context, e notify.Event) error {
	if err := safefile.Program(p.path); err != nil { // another user may have replaced the program since New
		return fmt.Errorf("exec %s: cannot be run: %w", p.path, reason(err))
	}
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
		// Kill all remaining processes in the group. Usually the group is empty, and Kill fails.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case cmd.Process == nil:
		return fmt.Errorf("exec %s: cannot be run: %w", p.path, reason(err))
	case ctx.Err() != nil:
		err = fmt.Errorf("the program had not ended after %v, and was killed", time.Since(start).Round(time.Millisecond))
	}
	return fmt.Errorf("exec %s: %w%v", p.path, err, &out)
}

// reason removes the path from an error, because the caller adds the path to the error.
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
