package pipes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/pipetest"
	"github.com/statsd-ops/statsd/statvent"
)

// TestHost reads the pipes of a host with 200 processes. 30 processes are dead, 5 write invalid data, and one
// never answers. Each reading must be exact for the processes that answered in time. On a busy machine, the time
// limit is increased until a reading is exact for all processes.
func TestHost(t *testing.T) {
	const live, dead, garbage = 164, 30, 5
	dir := t.TempDir()
	host := processesIn(t, dir)
	var processes []*pipetest.Process
	sum := 0
	for i := range live {
		processes = append(processes, host.start("recorder", i+1))
		sum += i + 1
	}
	for range garbage {
		processes = append(processes, host.start("garbage", 0))
	}
	processes = append(processes, host.start("silent", 0))
	living := len(processes)
	for range dead {
		p := host.start("recorder", 1_000_000)
		if _, err := os.ReadFile(p.Path); err != nil { // after a reading, the process creates its next pipe; the kill can interrupt this
			t.Fatal(err)
		}
		p.Kill()
		processes = append(processes, p)
	}

	reader := &Reader{Dir: dir, RemoveStale: true, Timeout: DefaultTimeout}
	for exact := false; !exact; reader.Timeout *= 2 {
		began := time.Now()
		result := mustRead(t, reader)
		got := new(Merger).Merge(result.Processes)
		took := time.Since(began)
		t.Logf("%d processes in %v, with a time limit of %v; %d timed out", len(result.Processes), took, reader.Timeout, result.TimedOut)

		if result.TimedOut < 1 || result.Refused != 0 {
			t.Fatalf("%d time out, %d are refused, want at least 1 and 0", result.TimedOut, result.Refused)
		}
		if reader.Timeout > patient {
			t.Fatal("live processes do not answer")
		}
		// A process that writes invalid data has no pipe at times, so the reading is repeated.
		if exact = result.TimedOut == 1 && len(result.Processes) == live+garbage+1; exact {
			expectHost(t, got, live, sum)
			if result.Malformed != 6*garbage {
				t.Errorf("%d malformed lines, want %d", result.Malformed, 6*garbage)
			}
		}
	}
	for i, p := range processes {
		if i < living && !exists(p.Path) {
			t.Errorf("the pipe of the live process %d was removed", p.PID)
		}
		if i >= living && (exists(p.Path) || exists(filepath.Join(dir, fmt.Sprintf(".%d.stats", p.PID))) || exists(filepath.Join(dir, fmt.Sprintf(".%d.lock", p.PID)))) {
			t.Errorf("the dead process %d has left a file", p.PID)
		}
	}
}

func expectHost(t *testing.T, got stats, live, sum int) {
	t.Helper()
	want := stats{
		"requests": statvent.Int(int64(sum)),
		"load":     statvent.Float(0.5 * float64(live)),
		"lat.95th": statvent.Float(float64(live)),
		"lat.mean": statvent.Float(float64(sum) / float64(live)),
	}
	for name, want := range want {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// TestOriginalsCapture reads a recorded answer of statvent for Python.
func TestOriginalsCapture(t *testing.T) {
	capture, err := os.ReadFile("../testdata/statvent-py2.pipe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mkfifo(t, own(dir))
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(own(dir), capture, 0) }()
	result := mustRead(t, &Reader{Dir: dir, Timeout: patient})
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if len(result.Processes) != 1 || result.Malformed != 0 || len(result.Processes[0].Stats) != 12 {
		t.Fatalf("got %+v", result)
	}
	want := stats{"colon: in name": statvent.Int(1), "f": statvent.Float(0.5), "big": statvent.Int(1 << 53), "lat.mean": statvent.Int(22)}
	for name, want := range want {
		if got := result.Processes[0].Stats[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// TestExamples merges the stats of the examples in other languages and of a process in Go.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	const examples = "../../examples/statvent/"
	writers := [][]string{
		{counterpart.Find(t, "/usr/bin/python3"), examples + "writer.py", dir},
		{counterpart.Find(t, "sh"), examples + "writer.sh", dir},
	}
	if python2, err := exec.LookPath("python2.7"); err == nil && exec.Command(python2, "-c", "").Run() == nil {
		writers = append(writers, []string{python2, examples + "writer.py", dir})
	}
	for _, w := range writers {
		cmd := exec.Command(w[0], w[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // the examples do not exit by themselves
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Wait() })
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		path := filepath.Join(dir, strconv.Itoa(cmd.Process.Pid)+".stats")
		for deadline := time.Now().Add(patient); !exists(path); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s made no pipe", w)
			}
		}
	}
	var r statvent.Registry
	r.Incr("example.reads", 100)
	record(t, dir, &r)
	for reading := 1; reading <= 5; reading++ {
		result := mustRead(t, &Reader{Dir: dir, Timeout: patient})
		got := new(Merger).Merge(result.Processes)
		// If a writer opens its pipe again before the reader has closed it, the writer counts one reading twice. So the
		// test requires only a minimum.
		want := int64(100 + reading*len(writers))
		if got["example.reads"].Int64() < want || result.Malformed != 0 || result.TimedOut != 0 {
			t.Fatalf("reading %d: %v reads, want at least %d: %+v", reading, got["example.reads"], want, result)
		}
	}
}
