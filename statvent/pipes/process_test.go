package pipes

import (
	"os/exec"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/pipetest"
)

// A processes value starts child processes. Their named pipes are in dir.
type processes struct {
	t       testing.TB
	program string
	dir     string
}

func processesIn(t testing.TB, dir string) processes {
	t.Helper()
	return processes{t, pipetest.Program(t), dir}
}

func (p processes) start(behaviour string, number int) *pipetest.Process {
	p.t.Helper()
	return pipetest.Start(p.t, p.program, pipetest.Config{Behaviour: behaviour, Dir: p.dir, Number: number})
}

// deadPID returns the id of a process that has ended.
func deadPID(t testing.TB) int {
	t.Helper()
	cmd := exec.Command(counterpart.Find(t, "true"))
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}
