package load

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// workload returns realistic names, n of each kind.
func workload(n int) map[metric.Kind][]*metric.Collected {
	rng := rand.New(rand.NewPCG(7, 8))
	all := map[metric.Kind][]*metric.Collected{}
	for i := range n {
		name := func(kind string) string { return fmt.Sprintf("app.web-%02d.api.v2.users.%s_%d", i%50, kind, i) }
		all[metric.Counter] = append(all[metric.Counter], counter(name("hits"), float64(rng.IntN(1000))))
		all[metric.Gauge] = append(all[metric.Gauge], gauge(name("queue"), rng.Float64()))
		var samples []float64
		for range 100 {
			samples = append(samples, 20*(1+rng.ExpFloat64()))
		}
		all[metric.Timer] = append(all[metric.Timer], timer(name("time"), samples...))
		var members []uint64
		for range 100 {
			members = append(members, rng.Uint64())
		}
		all[metric.Set] = append(all[metric.Set], set(name("users"), members...))
	}
	return all
}

// keepMinutes records a number of minutes with six flush intervals each. It adds each interval to the history
// immediately. It returns the time when the last minute is complete.
func keepMinutes(s *Sink, minutes int, names []*metric.Collected) time.Time {
	start := time.Now().Truncate(time.Minute).Add(-time.Duration(minutes) * time.Minute)
	for i := range 6 * minutes {
		for _, c := range names {
			s.Record(c)
		}
		s.EndInterval(sink.Interval{End: start.Add(time.Duration(i+1) * 10 * time.Second), Percentiles: []float64{90}})
		s.keep(<-s.batches)
	}
	return start.Add(time.Duration(minutes) * time.Minute)
}

// TestMemory checks that a name needs at most the memory per minute that README.md promises. It also checks that
// the reported size of the history is close to the real size.
func TestMemory(t *testing.T) {
	const minutes = 60
	names := soak.Times(300)
	promised := map[metric.Kind]int{metric.Counter: 6, metric.Gauge: 12, metric.Timer: 400, metric.Set: 900}
	for kind, all := range workload(names) {
		s := newSink(t, Config{Addr: "127.0.0.1:0", Minutes: minutes, MaxBytes: 1 << 30})
		before := live()
		keepMinutes(s, minutes, all)
		s.building, s.writer, s.free = nil, writer{}, nil
		real := float64(live() - before)
		st := s.State()
		data := 0
		for _, segment := range s.history.segments {
			data += len(segment.data)
		}
		each := float64(data) / float64(names*minutes)
		t.Logf("%s: %.1f bytes a name and minute; %d bytes in all, really %.0f", kind, each, st.Bytes, real)
		if each > float64(promised[kind]) {
			t.Errorf("%s: %.1f bytes a name and minute, promised at most %d", kind, each, promised[kind])
		}
		if float64(st.Bytes) > 1.3*real+1e5 || real > 1.3*float64(st.Bytes)+1e5 {
			t.Errorf("%s: %d bytes are reported, %.0f are used", kind, st.Bytes, real)
		}
	}
}

// live returns the size of all live objects in bytes.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkRecord measures the work of the flush for one name. Timers have 100 samples.
func BenchmarkRecord(b *testing.B) {
	for kind, all := range workload(1000) {
		b.Run(kind.String(), func(b *testing.B) {
			s := newSink(b, testConfig())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Record(all[i%len(all)])
				if i%len(all) == 0 {
					s.building.empty()
				}
			}
		})
	}
}

// BenchmarkKeep measures the total cost of a name in a minute with six flushes.
func BenchmarkKeep(b *testing.B) {
	const names = 10_000
	for kind, all := range workload(names) {
		b.Run(kind.String(), func(b *testing.B) {
			s := newSink(b, Config{Addr: "127.0.0.1:0", Minutes: 60, MaxBytes: 1 << 30})
			keepMinutes(s, 1, all)
			for b.Loop() {
				keepMinutes(s, 1, all)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/names, "ns/name")
		})
	}
}

// BenchmarkWindow measures the response for 10,000 names. ns/op is the time for all names.
func BenchmarkWindow(b *testing.B) {
	for kind, all := range workload(10_000) {
		s := newSink(b, Config{Addr: "127.0.0.1:0", Minutes: 60, MaxBytes: 1 << 30})
		end := keepMinutes(s, 60, all)
		for _, minutes := range []int{1, 15, 60} {
			b.Run(fmt.Sprintf("%s/minutes=%d", kind, minutes), func(b *testing.B) {
				for b.Loop() {
					w := s.history.shown.Load().window(minutes, true, end)
					if err := w.write(bufio.NewWriter(io.Discard), &shape{wanted: func(series) bool { return true }}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
