package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// observer is a sink.Recorder that stores the observed values as text.
type observer struct {
	fault error // the error that Open returns

	mu        sync.Mutex
	open      bool
	runs      int
	interval  map[string]float64
	intervals []map[string]float64
	ends      []sink.Interval
	state     sink.State
}

func (o *observer) Open() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = o.fault == nil
	return o.fault
}

func (o *observer) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = false
	return nil
}

func (o *observer) Run(ctx context.Context) error {
	o.mu.Lock()
	o.runs++
	o.mu.Unlock()
	<-ctx.Done()
	return o.Close()
}

func (o *observer) Record(c *metric.Collected) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.interval == nil {
		o.interval = map[string]float64{}
	}
	o.interval[string(c.Name)] = c.Value + c.Sum + float64(len(c.Members))
	o.state.Made++
	o.state.Delivered++
}

func (o *observer) EndInterval(i sink.Interval) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.intervals, o.interval = append(o.intervals, o.interval), nil
	o.ends = append(o.ends, i)
}

func (o *observer) State() sink.State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state
}

func (o *observer) isOpen() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open
}

// Each recorder receives the raw values of the names in each interval, not rates.
func TestRecorders(t *testing.T) {
	cfg, _ := every10s()
	first, second := &observer{}, &observer{}
	cfg.Sinks = append(cfg.Sinks, []delivery.Destination{{Name: "first", Recorder: first}, {Name: "second", Recorder: second}}...)
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		began := time.Now()
		v.receive("hits:3|c\nhits:1|c|@0.1\ng:7|g\nt:5|ms\nt:6|ms\nu:a|s\nu:b|s")
		v.wait(11 * time.Second)
		v.wait(10 * time.Second)
		for _, o := range []*observer{first, second} {
			if want := (map[string]float64{"hits": 13, "g": 7, "t": 11, "u": 2}); len(o.intervals) != 2 || !maps.Equal(o.intervals[0], want) || len(o.intervals[1]) != 0 {
				t.Errorf("got %v, want %v and nothing", o.intervals, want)
			}
			if end := o.ends[1]; !end.End.Equal(began.Truncate(10*time.Second).Add(20*time.Second)) || !slices.Equal(end.Percentiles, []float64{90}) {
				t.Errorf("%+v", end)
			}
		}
		check(t, v.Server, "sinks 3", "sink.first.points.made 4", "sink.first.points.delivered 4", "sink.second.points.queued 0")
		balance(t, v.Server, "recorder", "first", "second")
	})
}

// A reload opens new recorders, stops removed recorders, and keeps the others. If the reload fails,
// nothing changes.
func TestReloadRecorders(t *testing.T) {
	cfg, _ := every10s()
	kept, removed := &observer{}, &observer{}
	recorder := cfg.Sinks[0]
	cfg.Sinks = []delivery.Destination{recorder, {Name: "kept", Recorder: kept, Config: 1}, {Name: "removed", Recorder: removed, Config: 1}}
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		v.receive("a:1|c")
		v.wait(11 * time.Second)

		added, failing, other := &observer{}, &observer{fault: errors.New("the address is taken")}, &observer{}
		changed := v.cfg
		changed.Sinks = []delivery.Destination{recorder, {Name: "added", Recorder: added, Config: 1}, {Name: "failing", Recorder: failing, Config: 1}}
		if _, err := v.Reload(changed); err == nil || !strings.Contains(err.Error(), "sink failing: the address is taken") {
			t.Errorf("got %v", err)
		}
		if added.isOpen() || !kept.isOpen() || !removed.isOpen() {
			t.Error("a failed reload left something behind, or ended something")
		}

		restart := v.reload(func(c *Config) {
			c.Sinks = []delivery.Destination{recorder, {Name: "kept", Recorder: other, Config: 2}, {Name: "added", Recorder: added, Config: 1}}
		})
		if fmt.Sprint(restart) != "[--sink of kept]" {
			t.Errorf("restart needed for %q", restart)
		}
		v.receive("b:1|c")
		v.wait(10 * time.Second)
		if removed.isOpen() || other.runs != 0 || len(removed.intervals) != 1 || len(kept.intervals) != 2 || added.intervals[0]["b"] != 1 {
			t.Errorf("removed %v, kept %v, added %v", removed.intervals, kept.intervals, added.intervals)
		}
		check(t, v.Server, "sinks 3", "sink.removed.points.made 1", "sink.kept.points.made 2")

		again := &observer{}
		v.reload(func(c *Config) {
			c.Sinks = []delivery.Destination{recorder, {Name: "removed", Recorder: again, Config: 1}}
		})
		v.receive("c:1|c")
		v.wait(20 * time.Second)
		if kept.isOpen() || added.isOpen() || !again.isOpen() {
			t.Error("the wrong ones are open")
		}
		check(t, v.Server, "sinks 2", "sink.removed.points.made 2", "sink.kept.points.made 2")
	})
	if kept.runs != 1 || kept.isOpen() {
		t.Errorf("the one that was kept ran %d times", kept.runs)
	}
}

// If New fails, it closes everything that it opened. If New succeeds, Run closes everything.
func TestNewUndoesRecorders(t *testing.T) {
	cfg := config()
	good, bad := &observer{}, &observer{fault: errors.New("the address is taken")}
	cfg.Sinks = []delivery.Destination{{Name: "good", Recorder: good}, {Name: "bad", Recorder: bad}}
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "sink bad: ") {
		t.Errorf("got %v", err)
	}
	if good.isOpen() {
		t.Error("a recorder is left open")
	}
	cfg.Sinks = cfg.Sinks[:1]
	d := start(t, cfg)
	d.stop()
	if good.isOpen() || len(good.intervals) != 1 {
		t.Errorf("open %v, %d intervals at the end", good.isOpen(), len(good.intervals))
	}
}

func TestWarnOfMinutes(t *testing.T) {
	for interval, warned := range map[time.Duration]bool{10 * time.Second: false, time.Minute: false, 7 * time.Second: true, 2 * time.Minute: true} {
		cfg, _ := every10s()
		cfg.FlushInterval = interval
		cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: "load", Recorder: &observer{}})
		t.Run(interval.String(), func(t *testing.T) {
			inVirtualTime(t, cfg, func(v *virtual) {
				if got := strings.Contains(v.out.String(), "a minute is not a multiple"); got != warned {
					v.t.Errorf("warned %v, want %v: %s", got, warned, v.out)
				}
			})
		})
	}
}
