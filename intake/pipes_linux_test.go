package intake

import (
	"maps"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/pipetest"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// pipeConfig returns a configuration that reads the pipes in dir. The values named "requests" are counters.
func pipeConfig(t *testing.T, dir string) Config {
	t.Helper()
	requests, err := pipes.ParseGlob("requests")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config()
	cfg.PipeDir, cfg.PipePrefix = dir, "host"
	cfg.PipeCounters = []pipes.Glob{requests}
	return cfg
}

// At shutdown the pipes are read once more.
func TestPipesAtEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipetest.Start(t, pipetest.Program(t), pipetest.Config{Behaviour: "recorder", Dir: dir, Number: 7})
	cfg := pipeConfig(t, dir)
	cfg.FlushInterval, cfg.PipeTimeout = 1<<32*time.Second, patience
	in := start(t, cfg)
	in.end(4 * patience)
	if got := in.totals()["counters.host.requests"]; got != 7 {
		t.Errorf("%v requests, want 7", got)
	}
	if got := *in.last.Pipes; got.Processes != 1 || got.Errors != 0 {
		t.Errorf("%+v", got)
	}
}

// Shutdown does not wait for a process that does not answer, even if the daemon is already reading
// from the pipe of this process.
func TestEndDespiteSilentPipe(t *testing.T) {
	dir := t.TempDir()
	absent := pipetest.Start(t, pipetest.Program(t), pipetest.Config{Behaviour: "absent", Dir: dir})
	cfg := pipeConfig(t, dir)
	cfg.PipeTimeout = 24 * time.Hour
	in := open(t, cfg)
	in.pipes.interval, in.pipes.lead = int64(10*time.Millisecond), 0
	in.start()
	eventually(t, "the pipe is not read", func() bool {
		writer, err := os.OpenFile(absent.Path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			err = writer.Close()
		}
		return err == nil
	})
	in.end(2 * time.Second)
	if got := *in.last.Pipes; got.TimedOut != 1 {
		t.Errorf("%+v: the process did not have its time", got)
	}
	if got := in.totals(); !maps.Equal(got, map[string]float64{}) {
		t.Errorf("got %v", got)
	}
}

// A reading is due once in each interval, two timeouts before the end of the interval.
func TestPipesDue(t *testing.T) {
	p := pipeReader{interval: int64(10 * time.Second), lead: int64(500 * time.Millisecond)}
	for now, want := range map[time.Duration]time.Duration{
		0: 9500 * time.Millisecond, 9499 * time.Millisecond: 9500 * time.Millisecond,
		9500 * time.Millisecond: 19500 * time.Millisecond, 12 * time.Second: 19500 * time.Millisecond,
	} {
		if got := time.Duration(p.due(int64(now))); got != want {
			t.Errorf("after %v a reading is due at %v, want %v", now, got, want)
		}
	}
}
