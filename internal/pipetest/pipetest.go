// Package pipetest runs processes with stat pipes, for tests of programs that read stat pipes.
//
//	p := pipetest.Start(t, pipetest.Program(t), pipetest.Config{Behaviour: "recorder", Dir: dir, Number: 1})
//	p.Add(41) // the count of "requests" is now 42
//
// The processes are small, so that a test can start hundreds of them. They exit when the test process exits, even if the
// test process is killed.
package pipetest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// Program builds the test program and returns its path. The program is removed at the end of the
// test.
func Program(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "process")
	build := exec.Command(counterpart.Find(t, "go"), "build", "-o", path,
		"github.com/statsd-ops/statsd/internal/pipetest/testdata/process")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	return path
}

// Config is the configuration of a Process.
type Config struct {
	// Behaviour is one of the behaviours in testdata/process. A process with "recorder" has a
	// statvent.Recorder and a valid stat pipe. Processes with other behaviours have invalid pipes or
	// no pipe.
	Behaviour string
	// Dir is the directory for the stat pipe of the process.
	Dir string
	// Number sets two metrics of a process with "recorder": the count of "requests", and the only sample of "lat".
	// (The value of "load" is always 0.5.) With "threads", Number is the number of threads.
	Number int
}

// Process is a test process with a stat pipe.
type Process struct {
	PID  int
	Path string // path of the stat pipe

	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start starts a process, and waits until its stat pipe exists.
func Start(t testing.TB, program string, cfg Config) *Process {
	t.Helper()
	cmd := exec.Command(program, cfg.Behaviour, cfg.Dir, strconv.Itoa(cfg.Number))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	p := &Process{
		PID:  pid,
		Path: filepath.Join(cfg.Dir, strconv.Itoa(pid)+".stats"),
		t:    t, cmd: cmd, in: in, out: bufio.NewReader(out),
	}
	t.Cleanup(p.Stop)
	p.expect("ready")
	return p
}

// Add adds n to the process's count of "requests".
func (p *Process) Add(n int) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, n); err != nil {
		p.t.Fatal(err)
	}
	p.expect("done")
}

func (p *Process) expect(word string) {
	p.t.Helper()
	if line, err := p.out.ReadString('\n'); line != word+"\n" {
		p.t.Fatalf("process %d prints %q, %v, want %s", p.PID, line, err, word)
	}
}

// Stop lets the process exit normally. Its stat pipe is not removed.
func (p *Process) Stop() {
	_ = p.in.Close()
	forced := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer forced.Stop()
	_ = p.cmd.Wait() // a second call of Wait returns an error
}

// Kill kills the process with SIGKILL. Its stat pipe is not removed.
func (p *Process) Kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
}
