package server

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/pipetest"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/statvent"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// host is a directory of stat pipes, and the program whose processes own the pipes.
type host struct {
	t       *testing.T
	program string
	dir     string
}

func newHost(t *testing.T) host {
	t.Helper()
	return host{t, pipetest.Program(t), t.TempDir()}
}

func (h host) start(behaviour string, number int) *pipetest.Process {
	h.t.Helper()
	return pipetest.Start(h.t, h.program, pipetest.Config{Behaviour: behaviour, Dir: h.dir, Number: number})
}

// config returns a configuration that reads the host's pipes. The daemon publishes the value "requests" of the pipes as
// a counter.
func (h host) config() Config {
	h.t.Helper()
	requests, err := pipes.ParseGlob("requests")
	if err != nil {
		h.t.Fatal(err)
	}
	cfg := config()
	cfg.FlushInterval = 250 * time.Millisecond // the interval is a power of two in seconds, so sums of rates are exact
	cfg.GaugeExpire = time.Hour
	cfg.PipeDir = h.dir
	cfg.PipeTimeout = cfg.FlushInterval / 2
	cfg.Grace = 4 * patience
	cfg.PipePrefix = "host"
	cfg.PipeCounters = []pipes.Glob{requests}
	return cfg
}

// awaitTotal waits until the counts of requests of all flushes add up to the parameter want.
func (d *daemon) awaitTotal(want float64) {
	d.t.Helper()
	got := math.NaN()
	eventually(d.t, fmt.Sprintf("%v requests are not counted", want), func() bool {
		got = d.totals()["counters.host.requests"]
		if got > want {
			d.t.Fatalf("%v requests are counted, want %v", got, want)
		}
		return got == want
	})
}

// The values of all processes are merged. For a count, the daemon publishes by how much it grew in all processes
// together, even when processes start or end.
func TestPipes(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	a, b := h.start("recorder", 10), h.start("recorder", 20)
	d := start(t, h.config())
	d.awaitTotal(30)
	eventually(t, "levels are not published", func() bool {
		p := d.published()
		return p["gauges.host.load"] == 1 && p["gauges.host.lat.95th"] == 20 && p["gauges.host.lat.mean"] == 15
	})
	a.Add(5)
	b.Kill() // the counts of the killed process remain in the total
	d.awaitTotal(35)
	h.start("recorder", 4) // this process replaces the killed one
	d.awaitTotal(39)
	eventually(t, "the dead process's level is published still", func() bool { return d.published()["gauges.host.lat.95th"] == 10 })
	d.stop()

	for path := range d.published() {
		if path == "gauges.host.requests" || path == "counters.host.load" {
			t.Errorf("%s is published, which is of the other kind", path)
		}
	}
	balance(t, d.Server, "recorder")
	check(t, d.Server, "pipes.errors 0", "pipes.removed 1", "metrics.discarded 0", "samples.refused 0", "lines.received 0")
	if figureOf(t, d.Server, "samples.aggregated") == 0 {
		t.Error("samples from pipes are not counted")
	}
}

// The last flush includes the counts after the last regular reading.
func TestPipesLast(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start("recorder", 7)
	cfg := h.config()
	cfg.FlushInterval, cfg.GaugeExpire, cfg.PipeTimeout = never, never, patience
	d := start(t, cfg)
	d.stop()
	d.awaitTotal(7)
	check(t, d.Server, "pipes.processes 1", "pipes.errors 0")
}

// TestPipesOfBadProcesses checks processes that do not answer, and processes that write garbage. They delay neither
// flushes nor clients nor the shutdown, and the values of other processes stay right.
func TestPipesOfBadProcesses(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start("absent", 0)
	h.start("silent", 0)
	h.start("garbage", 0)
	h.start("endless", 0)
	h.start("recorder", 7)
	if err := os.WriteFile(filepath.Join(h.dir, "1.stats"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := h.config()
	// The timeout is long, so that good processes answer in time on a busy machine.
	cfg.FlushInterval, cfg.PipeTimeout = 2*time.Second, time.Second
	began := time.Now()
	d := start(t, cfg)
	conn := d.dial("udp")
	for range 100 { // sent during the first reading, which takes long because of the silent processes
		send(t, conn, "hits:1|c")
	}
	d.awaitTotal(7)
	for figure, want := range map[string]float64{"pipes.timeouts": 2, "pipes.refused": 1, "pipes.malformed": 6, "pipes.too_large": 1} {
		eventually(t, fmt.Sprintf("%s does not reach %v", figure, want), func() bool { return figureOf(t, d.Server, figure) >= want })
	}
	d.stop()
	if got := d.totals()["counters.hits"]; got != 100 {
		t.Errorf("%v hits from clients, want 100", got)
	}
	check(t, d.Server, "pipes.errors 0")
	balance(t, d.Server, "recorder")
	text := d.out.String()
	if n := strings.Count(text, "stat pipes could not be read"); n < 1 || n > 1+int(time.Since(began)/time.Minute) {
		t.Errorf("the log warns %d times, want once a minute:\n%s", n, text)
	}
}

// Counts from before the daemon's start are not published, because an earlier daemon has published
// them.
func TestPipesHistory(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var stats statvent.Registry
	stats.Incr("requests", 1_000_000)
	h.record(&stats) // the pipe belongs to this process, which is older than the daemon
	d := start(t, h.config())
	eventually(t, "the pipe is not read", func() bool { return figureOf(t, d.Server, "pipes.processes") == 1 })
	stats.Incr("requests", 3)
	d.awaitTotal(3)
}

// record makes the test process one of the host's processes.
func (h host) record(stats *statvent.Registry) {
	h.t.Helper()
	recorder, err := statvent.NewRecorder(stats, h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := recorder.Close(context.Background()); err != nil {
			h.t.Error(err)
		}
	})
}

// Names from pipes are cleaned and limited like names from clients. Bad names are shown with the
// bad lines.
func TestPipeNames(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var stats statvent.Registry
	for name, value := range map[string]int64{
		"a b/c": 1, "colon: |pipe|": 2, "caf\xe9": 3, "same name": 4, "same_name": 5, "name-that-is-too-long": 6,
	} {
		stats.Set(name, value)
	}
	h.record(&stats)
	cfg := h.config()
	cfg.FlushInterval, cfg.GaugeExpire, cfg.PipeTimeout = never, never, patience
	cfg.MaxNameLength = len("host.") + len("colon: |pipe|")
	cfg.MaxNames = 4
	cfg.PipePrefix = "host."
	d := start(t, cfg)
	d.stop()
	got := map[string]float64{}
	for path, value := range d.published() {
		if strings.HasPrefix(path, "gauges.") {
			got[path] = value
		}
	}
	want := map[string]float64{"gauges.host.a_b-c": 1, "gauges.host.colon_pipe": 2, "gauges.host.caf": 3, "gauges.host.same_name": 5}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	check(t, d.Server, "samples.received 6", "samples.aggregated 5", "metrics.discarded.too_long 1")
	if lines := d.Discards().Lines; len(lines) != 1 || string(lines[0].Line) != "host.name-that-is-too-long: 6" {
		t.Errorf("bad lines: %v", lines)
	}
}

// A name in a pipe may have tags, like a name from a client.
func TestPipeTags(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var stats statvent.Registry
	stats.Set("lev el;b=x y;a=1;none=", 7)
	stats.Set("level", 1)
	stats.Set("many"+strings.Repeat(";k=v", 100), 1)
	h.record(&stats)
	cfg := h.config()
	cfg.FlushInterval, cfg.GaugeExpire, cfg.PipeTimeout = never, never, patience
	cfg.Tags = metric.GraphiteTags
	d := start(t, cfg)
	d.stop()
	got := d.published()
	if got["gauges.host.lev_el;a=1;b=x_y"] != 7 || got["gauges.host.level"] != 1 {
		t.Errorf("got %v", got)
	}
	check(t, d.Server, "samples.received 3", "samples.aggregated 2", "metrics.discarded.too_long 1", "metrics.tags_dropped 1")
}

// If the directory cannot be read, each failed reading is counted, and the first one is logged.
func TestPipesWithoutDirectory(t *testing.T) {
	t.Parallel()
	cfg := newHost(t).config()
	cfg.PipeDir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(cfg.PipeDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, cfg)
	eventually(t, "failed readings are not counted", func() bool { return figureOf(t, d.Server, "pipes.errors") > 1 })
	if text := d.out.String(); strings.Count(text, "the stat pipes could not be read") != 1 {
		t.Errorf("the log does not report the error once:\n%s", text)
	}
}
