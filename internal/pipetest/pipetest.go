// Package pipetest runs processes that have stat pipes, for tests of those who
// read them.
//
//	p := pipetest.Start(t, pipetest.Program(t), pipetest.Config{Behaviour: "recorder", Dir: dir, Number: 1})
//	p.Add(41) // requests: 42
//
// The processes are small, so that a test can have hundreds, and end with the
// test, however that ends.
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

// Program builds the program that the processes run, and returns its path. It
// is gone when the test has ended.
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

// Config says what a process does.
type Config struct {
	// Behaviour is one of those of testdata/process: "recorder" keeps its
	// figures in a statvent.Recorder, the others misbehave.
	Behaviour string
	// Dir is where its pipe is.
	Dir string
	// Number is what a recorder has in "requests" and in the samples of
	// "lat"; its "load" is 0.5.
	Number int
}

// Process is one that runs.
type Process struct {
	PID  int
	Path string // of its pipe

	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start starts a process, and returns once it has its pipe.
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

// Add makes a recorder count n more requests.
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
		p.t.Fatalf("process %d said %q, %v, not %s", p.PID, line, err, word)
	}
}

// Stop lets the process end, and Kill makes it; its pipe stays in either case.
func (p *Process) Stop() {
	_ = p.in.Close()
	forced := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer forced.Stop()
	_ = p.cmd.Wait() // which fails the second time
}

// Kill ends the process as SIGKILL does.
func (p *Process) Kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
}
