package history

import (
	"fmt"
	"iter"
	"reflect"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// points yields a point for each path. The paths share a buffer, as in a flush.
func points(time int64, value float64, paths ...string) iter.Seq[metric.Point] {
	return func(yield func(metric.Point) bool) {
		var buffer []byte
		for _, path := range paths {
			buffer = append(buffer[:0], path...)
			if !yield(metric.Point{Path: buffer, Value: value, Time: time}) {
				return
			}
		}
	}
}

func val(path string, value float64, second int64) meta.Value {
	return meta.Value{Path: path, Value: value, Time: second}
}

func unix(second int64) time.Time { return time.Unix(second, 0) }

// newValues returns Values with an interval of 10 s.
func newValues(names, memory int) *Values {
	return NewValues(Config{Interval: 10 * time.Second, Names: names, Memory: memory})
}

// keep stores the points of a flush.
func keep(v *Values, at time.Time, points iter.Seq[metric.Point]) {
	count := 0
	for range points {
		count++
	}
	v.Keep(at, count, points)
}

func TestValuesLast(t *testing.T) {
	v := newValues(10, 0)
	if got := v.Last(); len(got) != 0 {
		t.Errorf("before the first flush: %v", got)
	}
	keep(v, unix(10), points(10, 1, "b", "a", "c"))
	keep(v, unix(20), points(20, 2, "c", "B"))
	want := []meta.Value{val("B", 2, 20), val("a", 1, 10), val("b", 1, 10), val("c", 2, 20)}
	got := v.Last()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if again := v.Last(); &again[0] != &got[0] {
		t.Error("values are copied and sorted again although nothing changed")
	}
	keep(v, unix(30), points(30, 3, "b"))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the returned values have changed to %v", got)
	}
}

// TestValuesForget checks that a value is kept for 6 flushes or 60 seconds, whichever is longer,
// and is then removed.
func TestValuesForget(t *testing.T) {
	for _, tt := range []struct {
		interval int64 // in seconds
		flushes  int   // number of flushes for which the value is kept
	}{{1, 60}, {10, 6}, {60, 6}, {3600, 6}} {
		v := NewValues(Config{Interval: time.Duration(tt.interval) * time.Second, Names: 10})
		keep(v, unix(0), points(0, 1, "old", "kept"))
		for n := 1; n <= tt.flushes+1; n++ {
			now := int64(n) * tt.interval
			keep(v, unix(now), points(now, 1, "kept", "new"))
			want := 3
			if n > tt.flushes {
				want = 2
			}
			if got := v.Last(); len(got) != want {
				t.Errorf("at intervals of %d s, after %d flushes: %v, want %d values", tt.interval, n, got, want)
			}
		}
		keep(v, unix(1e6), points(1e6, 5, "old"))
		if got := v.Last()[2]; got != (val("old", 5, 1e6)) {
			t.Errorf("a name that came back: %v", got)
		}
	}
}

func TestValuesLimit(t *testing.T) {
	v := newValues(2, 0)
	keep(v, unix(10), points(10, 1, "a", "b", "c", "d", "a"))
	if got, want := v.Last(), []meta.Value{val("a", 1, 10), val("b", 1, 10)}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := v.Missed(); got != 3 {
		t.Errorf("missed %d points, want 3", got)
	}
	keep(v, unix(20), points(20, 2, "c", "b"))
	if got, want := v.Last(), []meta.Value{val("a", 1, 10), val("b", 2, 20)}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := v.Missed(); got != 1 {
		t.Errorf("missed %d points, want 1", got)
	}
	keep(v, unix(500), points(500, 3, "e"))
	if got := v.Missed(); got != 1 {
		t.Errorf("missed %d points, want 1: 6 flushes have not passed", got)
	}
	for now := int64(600); now < 1300; now += 100 {
		keep(v, unix(now), points(now, 3, "e"))
	}
	if got, want := v.Last(), []meta.Value{val("e", 3, 1200)}; !reflect.DeepEqual(got, want) || v.Missed() != 0 {
		t.Errorf("got %v, want %v, and missed %d", got, want, v.Missed())
	}
	none := newValues(0, 0)
	keep(none, unix(1), points(1, 1, "a"))
	if len(none.Last()) != 0 || none.Missed() != 1 {
		t.Errorf("with no room: %v, missed %d", none.Last(), none.Missed())
	}
}

func TestValuesKeepAllocates(t *testing.T) {
	v := newValues(1000, 0)
	paths := make([]string, 1200)
	for i := range paths {
		paths[i] = fmt.Sprint("stats.name.", i)
	}
	now := int64(0)
	known := points(now, 1, paths...)
	v.Keep(unix(now), len(paths), known)
	if got := testing.AllocsPerRun(20, func() { now++; v.Keep(unix(now), len(paths), known) }); got > 8 {
		t.Errorf("a flush without new names costs %v allocations", got)
	}
}

func BenchmarkValuesKeep(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			paths := make([]string, n)
			for i := range paths {
				paths[i] = fmt.Sprint("stats.web.requests.host-", i)
			}
			v := newValues(100_000, 0)
			b.ReportAllocs()
			for now := int64(0); b.Loop(); now += 10 {
				v.Keep(unix(now), n, points(now, 1, paths...))
			}
			if len(v.Last()) != 100_000 {
				b.Fatal(len(v.Last()))
			}
		})
	}
}

// BenchmarkNewPaths stores the values of a flush with new paths only. The unit ns/path is the time for one path.
func BenchmarkNewPaths(b *testing.B) {
	const n = 500_000
	paths := make([]string, n)
	for i := range paths {
		paths[i*7919%n] = fmt.Sprint("stats.web.requests.host-", i)
	}
	all := points(10, 1, paths...)
	for b.Loop() {
		newValues(n, 0).Keep(unix(10), n, all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/path")
}
