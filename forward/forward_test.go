package forward

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
	"github.com/statsd-ops/statsd/sink"
)

// engine is a Sender that stores the messages it accepts.
type engine struct {
	mu       sync.Mutex
	settings link.Settings
	down     error
	fault    func(id string) error
	got      []link.Message
	sends    int
}

func (e *engine) Settings(ctx context.Context) (link.Settings, error) {
	e.mu.Lock()
	down := e.down
	e.mu.Unlock()
	if down != nil {
		<-ctx.Done()
		return link.Settings{}, down
	}
	return e.settings, nil
}

func (e *engine) Send(_ context.Context, m link.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sends++
	if e.fault != nil {
		if err := e.fault(m.ID); err != nil {
			return err
		}
	}
	m.Data = slices.Clone(m.Data)
	e.got = append(e.got, m)
	return nil
}

func (e *engine) Close() error { return nil }

func (e *engine) set(down error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

func newEngine() *engine {
	return &engine{settings: link.Settings{Version: link.SettingsVersion, Partitions: 8, Interval: time.Second, Horizon: time.Hour, MemberKey: [16]byte{1}, Tags: "drop"}}
}

func (e *engine) config(t *testing.T) Config {
	return Config{
		Target: Target{
			ForwardTo: "statsd://central:8127", ForwardID: "web1",
			Connect: func() (link.Sender, error) { return e, nil },
		},
		Interval: time.Second, Tags: "drop",
		Cache: filepath.Join(t.TempDir(), "forward.settings"),
		Log:   zerolog.Nop(),
	}
}

func start(t *testing.T, cfg Config) *Edge {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func join(t *testing.T, cfg Config) *Edge {
	t.Helper()
	e := start(t, cfg)
	if _, err := e.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// The first start waits until the cluster answers, and logs why it waits. The next start does not
// wait.
func TestJoin(t *testing.T) {
	t.Parallel()
	c := newEngine()
	cfg := c.config(t)
	synctest.Test(t, func(t *testing.T) {
		log := &counterpart.Output{}
		cfg.Log = zerolog.New(log)
		c.set(errors.New("connection refused"))
		e := start(t, cfg)
		joined := make(chan link.Settings)
		go func() {
			s, _ := e.Join(t.Context())
			joined <- s
		}()
		time.Sleep(3*tellEvery + time.Second)
		if err := e.Waits(); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("it waits because of %v", err)
		}
		if n := strings.Count(log.String(), "the daemon takes no samples"); n < 3 || n > 4 {
			t.Errorf("in three minutes the log says %d times why nothing happens", n)
		}
		c.set(nil)
		if s := <-joined; s != c.settings {
			t.Errorf("joined with %+v", s)
		}
		if e.Waits() != nil {
			t.Error("it still waits")
		}
	})
	c.set(errors.New("down"))
	if s, err := start(t, cfg).Join(t.Context()); err != nil || s != c.settings {
		t.Errorf("the second start got %+v, %v", s, err)
	}
	cfg.ForwardTo = "statsd://other:8127"
	if _, known := start(t, cfg).Settings(); known {
		t.Error("another cluster gets the settings of the first")
	}
}

// If the settings of a daemon and its cluster differ, the daemon does not start. The error names
// the flag.
func TestMismatch(t *testing.T) {
	t.Parallel()
	for flag, change := range map[string]func(*Config){
		"--flush-interval=1s": func(c *Config) { c.Interval = 10 * time.Second },
		"--tags=drop":         func(c *Config) { c.Tags = "graphite" },
	} {
		c := newEngine()
		cfg := c.config(t)
		join(t, cfg) // saves settings that do not match the daemon's later settings
		change(&cfg)
		_, err := start(t, cfg).Join(t.Context())
		if mismatch, ok := errors.AsType[*link.MismatchError](err); !ok || !strings.Contains(err.Error(), "set "+flag) {
			t.Errorf("%s: %v, %+v", flag, err, mismatch)
		}
	}
	cfg := newEngine().config(t)
	cfg.ForwardID = ""
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "--forward-id") {
		t.Errorf("without a name: %v", err)
	}
}

// If the cluster was created again with other settings, the edge notices this before it sends
// anything. After a restart it uses the new settings.
func TestClusterSetUpAgain(t *testing.T) {
	t.Parallel()
	c := newEngine()
	cfg := c.config(t)
	join(t, cfg)
	c.settings.MemberKey = [16]byte{2}
	e := join(t, cfg)
	if err := sendAll(t, e, take(t, e, "a c 1")); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("sending to a cluster with another key: %v", err)
	}
	if len(c.got) > 0 {
		t.Error("it got messages")
	}
	e = join(t, cfg)
	if err := sendAll(t, e, take(t, e, "a c 1")); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// table returns a table with samples: "NAME KIND VALUE".
func table(t *testing.T, samples ...string) *aggregate.Table {
	t.Helper()
	all := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 1e6, MaxNameLength: 100, MaxSetMembers: 10, MaxTimerSamples: 10, Expire: [metric.Kinds]uint32{1, 1, 1, 1}})
	shard := all.Shard(0)
	shard.Lock()
	defer shard.Unlock()
	for _, text := range samples {
		s := metric.Sample{Weight: 1, Kind: metric.Counter}
		var name, kind string
		if _, err := fmt.Sscan(text, &name, &kind, &s.Value); err != nil {
			t.Fatal(err)
		}
		if kind == "g" {
			s.Kind = metric.Gauge
		}
		s.Name = []byte(name)
		if reason := shard.Add(&s); reason != metric.None {
			t.Fatal(reason)
		}
	}
	return all
}

const end = 1795251860e9

func take(t *testing.T, e *Edge, samples ...string) *Flush {
	t.Helper()
	return e.Take(table(t, samples...).Drain(nil), Collected{End: end, Samples: uint64(len(samples))})
}

// flush gives an interval to the Edge, and returns the paths that the daemon still publishes.
func flush(t *testing.T, e *Edge, sinks bool, samples ...string) (paths []string) {
	t.Helper()
	iv := table(t, samples...).Drain(nil)
	e.Take(iv, Collected{End: end, Sinks: sinks})
	for p := range iv.Summarize(aggregate.Etsy.Layout(), 1).Points() {
		paths = append(paths, string(p.Path))
	}
	return paths
}

func sendAll(t *testing.T, e *Edge, f *Flush) (err error) {
	t.Helper()
	units := 0
	f.Encode(func(payload []byte, n int) {
		units += n
		err = errors.Join(err, e.Send(t.Context(), payload))
	})
	if units != f.Units() {
		t.Errorf("the payloads have %d units, announced were %d", units, f.Units())
	}
	return err
}

// names decodes the messages that the engine has received. It returns their names, and the number
// of their samples.
func (e *engine) names(t *testing.T) (names []string, samples uint64) {
	t.Helper()
	for _, m := range e.got {
		h, body, err := partial.Open(m.Data)
		if err == nil {
			err = partial.NewDecoder().Rows(&body, func(r *aggregate.Row) { names = append(names, string(r.Name)) })
		}
		if err != nil || h.Partition != m.Partition || h.ID() != m.ID || h.Edge != "web1" || h.End != end {
			t.Errorf("message %s of partition %d has %+v, %v", m.ID, m.Partition, h, err)
		}
		samples += h.Samples
	}
	slices.Sort(names)
	return names, samples
}

// Only the names that match ForwardMatch are forwarded, and the daemon publishes only the other names. If ForwardMatch
// is empty, all names are forwarded. The messages always state the number of all samples.
func TestMatch(t *testing.T) {
	t.Parallel()
	web, _ := glob.Parse("web.*")
	db, _ := glob.Parse("db.*")
	samples := []string{"web.a c 1", "db.b g 2", "own.c c 3"}
	for _, tt := range []struct {
		match     []glob.Glob
		sinks     bool
		only      bool
		forwarded []string
		published string
	}{
		{nil, false, false, []string{"db.b", "own.c", "web.a"}, ""},
		{nil, true, false, []string{"db.b", "own.c", "web.a"}, "db.b own.c web.a"},
		{nil, true, true, []string{"db.b", "own.c", "web.a"}, ""},
		{[]glob.Glob{web, db}, true, false, []string{"db.b", "web.a"}, "own.c"},
		{[]glob.Glob{web, db}, true, true, []string{"db.b", "web.a"}, "own.c"},
	} {
		c := newEngine()
		cfg := c.config(t)
		cfg.ForwardMatch, cfg.ForwardOnly = tt.match, tt.only
		e := join(t, cfg)
		if err := sendAll(t, e, take(t, e, samples...)); err != nil {
			t.Fatal(err)
		}
		got, n := c.names(t)
		if !slices.Equal(got, tt.forwarded) || n != 3 || len(c.got) != 8 {
			t.Errorf("%d messages with %d samples forward %v, want %v", len(c.got), n, got, tt.forwarded)
		}
		paths := strings.Join(flush(t, e, tt.sinks, samples...), " ")
		for _, name := range []string{"web.a", "db.b", "own.c"} {
			if is, want := strings.Contains(paths, name), strings.Contains(tt.published, name); is != want {
				t.Errorf("%+v: published %s", tt, paths)
			}
		}
	}
}

// If some messages of a payload fail, only these messages are sent again. Messages that the engine refuses are counted.
func TestSendAgain(t *testing.T) {
	t.Parallel()
	c := newEngine()
	e := join(t, c.config(t))
	failing := true
	c.fault = func(id string) error {
		switch {
		case strings.HasSuffix(id, "/3/0"):
			return &link.RefusedError{Reason: "no such partition"}
		case strings.HasSuffix(id, "/5/0") && failing:
			return link.ErrFull
		}
		return nil
	}
	rows := 0
	var samples []string
	for i := range 100 {
		name := fmt.Sprint("n", i)
		samples = append(samples, name+" c 1")
		if partial.PartitionOf([]byte(name), 8) == 3 {
			rows++
		}
	}
	if partial.PartitionOf([]byte("web1"), 8) == 3 {
		rows++
	}
	var payload []byte
	take(t, e, samples...).Encode(func(p []byte, _ int) { payload = p })
	if err := e.Send(t.Context(), payload); !errors.Is(err, link.ErrFull) {
		t.Fatalf("%v, want %v", err, link.ErrFull)
	}
	failing = false
	err := e.Send(t.Context(), payload)
	if refused, ok := errors.AsType[*sink.Refused](err); !ok || refused.Units != rows {
		t.Errorf("%v: %+v, want %d units", err, refused, rows)
	}
	if c.sends != 8+1 || len(c.got) != 7 {
		t.Errorf("%d sends, %d accepted, want 9 and 7", c.sends, len(c.got))
	}
	if err := sendAll(t, e, take(t, e, samples[0])); err == nil || c.sends != 9+8 {
		t.Errorf("the next payload: %v, %d sends", err, c.sends)
	}
}

// A large interval is encoded as several payloads, and all of its rows arrive.
func TestLargeInterval(t *testing.T) {
	t.Parallel()
	c := newEngine()
	e := join(t, c.config(t))
	var samples []string
	for i := range 60_000 {
		samples = append(samples, fmt.Sprintf("%x%x%x g %d.5", i*7919, i*104729, i*1299709, i))
	}
	payloads := 0
	f := take(t, e, samples...)
	f.Encode(func(p []byte, _ int) {
		payloads++
		if err := e.Send(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
	if got, _ := c.names(t); len(got) != len(samples) || payloads < 2 {
		t.Errorf("%d of %d names came, in %d payloads", len(got), len(samples), payloads)
	}
}
