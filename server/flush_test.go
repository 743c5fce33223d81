package server

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// midnight is the start of virtual time: 2000-01-01 00:00 UTC.
const midnight = 946_684_800

// points returns the points that a sink has received, by time and path, without the daemon's own
// points.
func points(t *testing.T, r *sinktest.Recorder) map[int64]map[string]float64 {
	t.Helper()
	byTime := map[int64]map[string]float64{}
	for _, p := range r.Points() {
		if byTime[p.Time] == nil {
			byTime[p.Time] = map[string]float64{}
		}
		if _, twice := byTime[p.Time][p.Path]; twice {
			t.Errorf("%s twice at %d", p.Path, p.Time)
		}
		byTime[p.Time][p.Path] = p.Value
	}
	return byTime
}

// plain returns a configuration in which the daemon publishes no own figures.
func plain(r *sinktest.Recorder) Config {
	cfg := config()
	cfg.Receivers = 1
	cfg.FlushInterval = 10 * time.Second
	cfg.GaugeExpire = time.Hour
	cfg.MetadataPrefix = ""
	cfg.Sinks = []delivery.Destination{{Name: "recorder", Sink: r}}
	return cfg
}

func expect(t *testing.T, got, want map[int64]map[string]float64) {
	t.Helper()
	if !maps.EqualFunc(got, want, maps.Equal[map[string]float64, map[string]float64]) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Flush times are multiples of the interval on the wall clock, whenever the daemon started. Points
// carry the time at which their interval ends. Counters are divided by the interval. Names without
// samples are not published.
func TestFlushAlignment(t *testing.T) {
	r := sinktest.NewRecorder()
	inVirtualTime(t, plain(r), func(v *virtual) {
		v.wait(3 * time.Second) // now the next flush is in 7 s
		v.receive("hits:5|c\nload:1|g\ntime:7|ms\nuser:x|s")
		v.wait(7*time.Second - 1)
		expect(t, points(t, r), nil)
		v.wait(1)
		first := map[string]float64{
			"counters.hits": 0.5, "gauges.load": 1, "sets.user": 1,
			"timers.time.lower": 7, "timers.time.upper": 7, "timers.time.mean": 7, "timers.time.count": 1, "timers.time.upper_90": 7,
		}
		expect(t, points(t, r), map[int64]map[string]float64{midnight + 10: first})
		v.wait(20 * time.Second) // two flushes without samples
		v.receive("load:+2|g")
		v.receive("hits:1|c")
		v.wait(10 * time.Second)
		expect(t, points(t, r), map[int64]map[string]float64{
			midnight + 10: first,
			midnight + 40: {"gauges.load": 3, "counters.hits": 0.1},
		})
	})
}

// If the clock is set back a little, the daemon skips a flush time that it has already used.
func TestFlushGivesBoundary(t *testing.T) {
	inVirtualTime(t, plain(sinktest.NewRecorder()), func(v *virtual) {
		v.wait(45 * time.Second)
		if got, want := v.flushes.schedule.next((midnight+35)*second), (midnight+50)*second; got != want {
			t.Errorf("after 40 s of flushes, the clock ten seconds back: next %d, want %d", got/second-midnight, want/second-midnight)
		}
	})
}

func TestFlushOften(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.FlushInterval = 250 * time.Millisecond
	inVirtualTime(t, cfg, func(v *virtual) {
		for range 8 {
			v.receive("hits:1|c")
			v.wait(250 * time.Millisecond)
		}
		var times []int64
		for _, p := range r.Points() {
			times = append(times, p.Time-midnight)
			if p.Value != 4 {
				t.Errorf("%v hits per second, want 4", p.Value)
			}
		}
		// The timestamp of a point is the second in which its interval ends, rounded down.
		if want := [8]int64{0, 0, 0, 1, 1, 1, 1, 2}; len(times) != 8 || [8]int64(times) != want {
			t.Errorf("times %v, want %v", times, want)
		}
	})
}

// Each flush publishes the daemon's own points, even without samples.
func TestFlushOfFigures(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.MetadataPrefix = "own"
	inVirtualTime(t, cfg, func(v *virtual) {
		v.receive("hits:1|c\nbad")
		v.wait(20 * time.Second)
		got := points(t, r)
		for time, want := range map[int64]map[string]float64{
			midnight + 10: {"own.lines.received": 2, "own.metrics.discarded": 1, "own.metrics.batch.count": 1, "own.metrics.batch.discarded": 1, "own.render.counters.count": 1},
			midnight + 20: {"own.lines.received": 2, "own.metrics.discarded": 1, "own.metrics.batch.count": 0, "own.metrics.batch.discarded": 1, "own.render.counters.count": 0},
		} {
			for name, value := range want {
				if v, there := got[time][name]; v != value || !there {
					t.Errorf("at %d: %s %v, want %v", time-midnight, name, v, value)
				}
			}
			if own := float64(len(got[time])); got[time]["own.numStats"] != own || got[time]["own.render.total"] != own {
				t.Errorf("at %d: numStats %v, render.total %v, of %v points", time-midnight, got[time]["own.numStats"], got[time]["own.render.total"], own)
			}
		}
	})
}

// If a counter and a gauge have the same path, both points are sent, and the path is in the list of collisions.
func TestFlushCollision(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.Layout.Prefix = [4]string{"stats", "stats", "stats.timers", "stats"}
	inVirtualTime(t, cfg, func(v *virtual) {
		v.receive("a:10|c\na:7|g\nb:1|c")
		v.wait(10 * time.Second)
		if got := len(r.Points()); got != 3 {
			t.Errorf("%d points, want 3", got)
		}
		if got := v.Discards().Collisions; len(got) != 1 || got[0] != "stats.a" {
			t.Errorf("collisions %q, want stats.a", got)
		}
	})
}

// The health status is failing while the only sink fails, and when flushes stop.
func TestHealth(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.MetadataPrefix = "own"
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(time.Minute)
		if h := v.Health(); h.State != meta.OK {
			t.Errorf("while all is well: %v", h)
		}
		r.Fail(errors.New("no such luck"))
		v.wait(time.Minute)
		if h := v.Health(); h.State != meta.Failing || !strings.Contains(h.Text(), "no such luck") {
			t.Errorf("while the sink fails: %v", h)
		}
		r.Recover()
		v.wait(time.Minute)
		if h := v.Health(); h.State != meta.OK {
			t.Errorf("when it works again: %v", h)
		}
		v.end() // after the call of end no flush happens
		v.wait(20 * time.Second)
		if h := v.Health(); h.State != meta.OK {
			t.Errorf("20 s after the last flush: %v", h)
		}
		v.wait(5 * time.Second)
		if h := v.Health(); !h.Has(meta.FlushOverdue) {
			t.Error("healthy 25 s after the last flush, which is due every 10 s")
		}
	})
}
