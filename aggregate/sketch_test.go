package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/internal/logbins"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// sketchTable returns a table that stores at most max samples of a timer.
func sketchTable(shards, max int) *Table {
	config := testTable(shards).config
	config.MaxTimerSamples = max
	return NewTable(config)
}

// If a timer has more samples than the limit, percentiles are within 1 % of the sample with the
// right rank. All other values are exact, for any number of shards.
func TestSketchedTimers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	layout := testLayout
	layout.Percentiles = []float64{0.01, 1, 25, 50, 75, 90, 99, 99.99, 100}
	shapes := map[string]func(i int) float64{
		"latencies":   func(int) float64 { return rng.ExpFloat64() * 100 },
		"all signs":   func(int) float64 { return rng.NormFloat64() },
		"negative":    func(int) float64 { return -1 - rng.Float64()*1e6 },
		"two far off": func(i int) float64 { return []float64{1, 1e6}[i%2] },
		"zeroes":      func(i int) float64 { return float64(i%3) - 1 },
		"equal":       func(int) float64 { return 7.7 },
		"whole range": func(int) float64 { return math.Ldexp(rng.Float64()-0.5, rng.IntN(2000)-990) },
		"the ends":    func(i int) float64 { return []float64{1.2e308, -1.2e308, 5e-324}[i%3] },
	}
	n := soak.Times(20_000)
	for name, shape := range shapes {
		for _, shards := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("%s/%d", name, shards), func(t *testing.T) {
				table := sketchTable(shards, 1000)
				samples := make([]float64, n)
				for i := range samples {
					samples[i] = shape(i)
					// The last shard gets only one sample in 100, so it can store all its samples.
					s := table.Shard(rng.IntN(max(shards-1, 1)))
					if i%100 == 0 {
						s = table.Shard(shards - 1)
					}
					s.Add(&metric.Sample{Kind: metric.Timer, Name: []byte("t"), Value: samples[i], Weight: 2})
				}
				_, want := sumAndMean(samples)
				slices.Sort(samples)
				sn := table.Drain(nil).Summarize(layout, 1)
				if sn.Sketched != 1 {
					t.Fatalf("%d sketched timers, want 1", sn.Sketched)
				}
				got := points{}
				for p := range sn.Points() {
					got[string(p.Path)] = p.Value
				}
				const prefix = "stats.timers.t."
				if got[prefix+"lower"] != samples[0] || got[prefix+"upper"] != samples[n-1] || got[prefix+"count"] != float64(2*n) {
					t.Errorf("lower %v, upper %v, count %v; want %v, %v, %v", got[prefix+"lower"], got[prefix+"upper"], got[prefix+"count"], samples[0], samples[n-1], 2*n)
				}
				if m := got[prefix+"mean"]; math.Abs(m-want) > 1e-15*max(math.Abs(want), math.Abs(samples[0])/float64(n), math.Abs(samples[n-1])/float64(n)) {
					t.Errorf("mean %v, want %v", m, want)
				}
				for _, p := range layout.Percentiles {
					th := &threshold{percent: p}
					exact := samples[th.bound(th.size(n), n)]
					path := prefix + "upper_" + map[float64]string{0.01: "0_01", 99.99: "99_99"}[p]
					if p == math.Trunc(p) {
						path += fmt.Sprint(p)
					}
					if v, there := got[path]; !there || math.Abs(v-exact) > logbins.Error*1.0001*math.Abs(exact) && math.Abs(exact) > 1e-300 {
						t.Errorf("%s = %v, want %v to 1 %%", path, v, exact)
					}
				}
			})
		}
	}
}

// TestSketchOfHugeSamples checks the values whose sums or squares exceed the range of float64.
func TestSketchOfHugeSamples(t *testing.T) {
	samples := []float64{-1e308, -1e308, -1e308, 2, 1e300, 1e308, 1e308, 1e308, 1e308, 1e308}
	estimate, exact := newSketch(), newTiming(2)
	for _, v := range samples {
		estimate.add(v)
	}
	p := &program{thresholds: []threshold{{percent: 90}, {percent: 40, top: true}}}
	p.wants.std, p.wants.parts = true, true
	got := newTiming(2)
	estimate.summarize(&got, p)
	exact.summarize(slices.Clone(samples), p)
	for i, pair := range [][2]float64{
		{got.std, exact.std}, {got.mean, exact.mean}, {got.sum, exact.sum}, {got.parts[0].mean, exact.parts[0].mean},
		{got.parts[0].sum, exact.parts[0].sum}, {got.parts[1].mean, exact.parts[1].mean}, {got.parts[1].sum, exact.parts[1].sum},
	} {
		if math.Abs(pair[0]/pair[1]-1) > 1.01*logbins.Error {
			t.Errorf("value %d is %v, want %v to 1 %%", i, pair[0], pair[1])
		}
	}
}

// Up to the limit, no value is an estimate. No sketch remains after an interval.
func TestTimersUpToTheLimitAreExact(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 4, 10, 11, 127, 128, 1000} {
		table := sketchTable(1, limit)
		for round := range 4 {
			n := limit + round%2
			for i := range n {
				add(t, table.Shard(0), fmt.Sprintf("t ms %d", i))
			}
			sn := table.Drain(nil).Summarize(testLayout, 1)
			if sn.Sketched != round%2 {
				t.Errorf("%d samples of %d: %d sketched timers", n, limit, sn.Sketched)
			}
			if name, size := sn.Largest(metric.Timer); name != "t" || size != n {
				t.Errorf("the largest timer is %q with %d samples, want t with %d", name, size, n)
			}
			for _, b := range table.Shard(0).blocks {
				if len(b.sketches) != 0 {
					t.Errorf("%d sketches stay after the flush", len(b.sketches))
				}
			}
		}
	}
}

// heap returns the size of all live objects in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A sketch takes little memory, whatever its samples are.
func TestSketchIsSmall(t *testing.T) {
	table := sketchTable(1, 1)
	s := table.Shard(0)
	rng := rand.New(rand.NewPCG(3, 4))
	add := func() {
		for range 100_000 {
			v := math.Ldexp(rng.Float64()-0.5, rng.IntN(2040)-1010)
			s.Add(&metric.Sample{Kind: metric.Timer, Name: []byte("t"), Value: v, Weight: 1})
		}
	}
	add()
	before := heap()
	for range 5 {
		add()
	}
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("half a million samples more took %d bytes more", grown)
	}
	flush(table)
}

func BenchmarkAddToSketch(b *testing.B) {
	s := sketchTable(1, 1).Shard(0)
	sample := metric.Sample{Kind: metric.Timer, Name: []byte("t"), Weight: 1}
	for i := 0; b.Loop(); i++ {
		sample.Value = float64(i % 1000)
		s.Add(&sample)
	}
}
