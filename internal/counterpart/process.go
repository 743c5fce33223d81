package counterpart

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// process is a program that a test has started.
type process struct {
	t       testing.TB
	name    string
	cmd     *exec.Cmd
	console string        // path of the file with the program's output
	exited  chan struct{} // closed when the program has exited
	err     error         // the result of Wait; valid after the channel exited is closed
}

// start starts a program. The program's output goes to a file called name in dir.
func start(t testing.TB, name, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: cmd, console: filepath.Join(dir, name+".console"), exited: make(chan struct{})}
	console, err := os.Create(p.console)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = console.Close() }() // the new process has its own copy of the descriptor
	cmd.Stdout, cmd.Stderr = console, console
	endWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p
}

// await waits until the program is ready. The test fails if the program exits first.
func (p *process) await(ready func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(wait.Patience); !ready(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.exited:
			p.t.Fatalf("%s ended before it was ready: %v\n%s", p.name, p.err, p.said())
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is not ready after %v:\n%s", p.name, wait.Patience, p.said())
		}
	}
}

// end sends a signal and waits until the program has exited. It returns the program's exit error.
func (p *process) end(sig os.Signal) error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	select {
	case <-p.exited:
	case <-time.After(wait.Patience):
		_ = p.cmd.Process.Kill()
		<-p.exited
		p.t.Errorf("%s did not end on %v:\n%s", p.name, sig, p.said())
	}
	return p.err
}

func (p *process) said() string {
	text, err := os.ReadFile(p.console)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
