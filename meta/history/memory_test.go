package history

import (
	"fmt"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// many yields n points, whose paths share a buffer as in a flush. The numbers in the paths start at
// the parameter others.
func many(at time.Time, n, others int) iter.Seq[metric.Point] {
	return func(yield func(metric.Point) bool) {
		var buffer []byte
		for i := range n {
			if buffer = fmt.Appendf(buffer[:0], "stats.timers.checkout.host-%07d.mean", i+others); !yield(metric.Point{Path: buffer, Value: float64(i), Time: at.Unix()}) {
				return
			}
		}
	}
}

// live returns the number of bytes of the heap in use.
func live() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMemory fills the histories, while paths change, and compares the memory with the limit. The
// memory without histories is subtracted.
func TestMemory(t *testing.T) {
	all := []struct {
		interval time.Duration
		memory   int
		paths    int
	}{
		{10 * time.Second, 512 << 10, 500},
		{time.Second, 512 << 10, 75},
		{time.Minute, 512 << 10, 1000},
		{10 * time.Second, 2 << 20, 2000},
	}
	for _, tt := range all[:soak.Times(len(all))] {
		fill := func(memory int) (v *Values, bytes int) {
			before := live()
			v = NewValues(Config{Interval: tt.interval, Names: tt.paths, Memory: memory})
			at := time.Unix(1_795_918_800, 0)
			for n := range min(1200, int(75*time.Minute/tt.interval)+2) {
				at = at.Add(tt.interval)
				keep(v, at, many(at, tt.paths, n/100*100))
				if n%50 == 0 && v.Bytes() > memory {
					t.Fatalf("%+v: %d bytes", tt, v.Bytes())
				}
			}
			return v, live() - before
		}
		with, bytes := fill(tt.memory)
		without, plain := fill(0)
		held, published := with.Histories()
		t.Logf("%+v: %d of %d paths have a history; %d bytes by count, %d on the heap", tt, held, published, with.Bytes(), bytes-plain)
		if bytes-plain > tt.memory || with.Bytes() > tt.memory {
			t.Errorf("%+v: histories take %d bytes, of %d", tt, bytes-plain, with.Bytes())
		}
		if with.Bytes() < tt.memory*8/10 {
			t.Errorf("%+v: only %d bytes are used", tt, with.Bytes())
		}
		runtime.KeepAlive(with)
		runtime.KeepAlive(without)
	}
}

// TestSmallDaemon checks that a daemon with few paths needs little memory.
func TestSmallDaemon(t *testing.T) {
	v := newValues(100_000, 16<<20)
	at := time.Unix(1_795_918_800, 0)
	for range 400 {
		at = at.Add(10 * time.Second)
		keep(v, at, many(at, 50, 0))
	}
	if n := v.Bytes(); n > 100_000 {
		t.Errorf("50 paths take %d bytes", n)
	}
}

// BenchmarkHistory measures a flush of known paths, with and without histories.
func BenchmarkHistory(b *testing.B) {
	for _, memory := range []int{0, 16 << 20} {
		b.Run(fmt.Sprint("memory=", memory), func(b *testing.B) {
			paths := make([]string, 11_000)
			for i := range paths {
				paths[i] = fmt.Sprintf("stats.timers.checkout.host-%07d.mean", i)
			}
			v := newValues(100_000, memory)
			at := time.Unix(1_795_918_800, 0)
			for b.Loop() {
				at = at.Add(10 * time.Second)
				keep(v, at, points(at.Unix(), 1, paths...))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(paths)), "ns/path")
			if held, _ := v.Histories(); memory > 0 && held != len(paths) {
				b.Fatal(held)
			}
		})
	}
}
