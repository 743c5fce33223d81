package load

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/internal/logbins"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// encode returns the totals of a collected metric, encoded as in a batch.
func encode(w *writer, c *metric.Collected) []byte {
	w.max = math.MaxInt
	var b batch
	w.add(&b, c)
	for r := range b.readings {
		return r.totals
	}
	return nil
}

// TestTimersAddUp checks that the totals of timers over many intervals are exact, except for the percentiles,
// which are approximate.
func TestTimersAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"latencies":   func() float64 { return rng.ExpFloat64() * 100 },
		"all signs":   func() float64 { return rng.NormFloat64() },
		"zeroes":      func() float64 { return float64(rng.IntN(3) - 1) },
		"equal":       func() float64 { return 7.7 },
		"whole range": func() float64 { return math.Ldexp(rng.Float64()-0.5, rng.IntN(2000)-990) },
		"the ends": func() float64 {
			return []float64{1.2e308, -1.2e308, 5e-324, -5e-324, 0}[rng.IntN(5)]
		},
	} {
		w := writer{}
		var sum totals
		sum.reset()
		var all []float64
		weight, total := 0.0, 0.0
		for interval := range 30 {
			var samples []float64
			for range 1 + rng.IntN([]int{1, 10, 3000}[interval%3]) {
				samples = append(samples, draw())
			}
			all = append(all, samples...)
			c := timer("t", samples...)
			c.Sum = clamp(c.Sum)
			c.Weight *= 10
			weight += c.Weight
			total = clamp(total + c.Sum)
			if interval%4 == 0 { // simulate a flush that kept only some of the samples
				for _, v := range samples[len(samples)/2:] {
					c.Bins = append(c.Bins, metric.Bin{Value: valueOf(keyOf(v)), Count: 1})
				}
				c.Samples = samples[:len(samples)/2]
			}
			data := append(encode(&w, c), "rest"...)
			if added, skipped := sum.add(metric.Timer, data), skip(metric.Timer, data); string(added) != "rest" || string(skipped) != "rest" {
				t.Fatalf("%s: %q is left, or %q", name, added, skipped)
			}
		}
		slices.Sort(all)
		n := len(all)
		if sum.weight != weight || sum.sum != total || sum.lower != all[0] || sum.upper != all[n-1] {
			t.Errorf("%s: %v %v %v %v, want %v %v %v %v", name, sum.weight, sum.sum, sum.lower, sum.upper, weight, total, all[0], all[n-1])
		}
		for _, rank := range []int{1, n / 4, n / 2, n * 9 / 10, n - 1, n} {
			got, want := sum.atRank(uint64(rank)), all[rank-1]
			if math.Abs(got-want) > 1.0001*logbins.Error*math.Abs(want) && math.Abs(want) > 1e-300 {
				t.Errorf("%s: sample %d of %d is about %v, want %v", name, rank, n, got, want)
			}
		}
	}
}

// TestSetsAddUp checks that counts of sets are exact up to maxMembers, and off by at most a few standard errors
// above that.
func TestSetsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, members := range []int{0, 1, 100, maxMembers - 1, maxMembers, 10_000, 100_000} {
		hashes := make([]uint64, members)
		for i := range hashes {
			hashes[i] = max(1, rng.Uint64())
		}
		var w writer
		var sum totals
		sum.reset()
		// Each interval has half of the members, some of them twice. Two intervals have members in common.
		for at := 0; at <= members/2; at += max(1, members/8) {
			some := append(slices.Clone(hashes[at:at+members/2]), hashes[at:at+members/10]...)
			sum.add(metric.Set, encode(&w, set("u", some...)))
		}
		sum.add(metric.Set, encode(&w, set("u", slices.Clone(hashes[members/2:])...)))
		got := sum.distinct()
		if members < maxMembers && got != float64(members) {
			t.Errorf("%v members, want %d", got, members)
		}
		if off := math.Abs(got-float64(members)) / float64(max(members, 1)); off > 4/math.Sqrt(maxMembers) {
			t.Errorf("%v members, want %d: off by %v", got, members, off)
		}
	}
}

func TestThresholds(t *testing.T) {
	all := newThresholds([]float64{90, 99.9, -10, -0.5})
	for i, want := range []struct {
		suffix string
		ranks  [3]uint64 // ranks of the percentile among 1, 10 and 1000 samples
	}{
		{".upper_90", [3]uint64{1, 9, 900}}, {".upper_99_9", [3]uint64{1, 10, 999}},
		{".lower_top10", [3]uint64{1, 10, 901}}, {".lower_top0_5", [3]uint64{1, 10, 996}},
	} {
		th := all[i]
		if got := [3]uint64{th.rank(1), th.rank(10), th.rank(1000)}; th.suffix != want.suffix || got != want.ranks {
			t.Errorf("%s: %v, want %s: %v", th.suffix, got, want.suffix, want.ranks)
		}
	}
}

func TestFloats(t *testing.T) {
	for _, v := range []float64{0, 1, -1, 42, 0.1, 1e6, math.Pi, math.MaxFloat64, -math.SmallestNonzeroFloat64} {
		b := appendFloat(nil, v)
		if got, rest := readFloat(append(b, 7)); got != v || len(rest) != 1 {
			t.Errorf("%v is read as %v, %d bytes are left", v, got, len(rest))
		}
		if v == math.Trunc(v) && math.Abs(v) < 100 && len(b) > 3 {
			t.Errorf("%v takes %d bytes", v, len(b))
		}
	}
}

// TestHistoryAgainstOracle checks that a window is always the sum of its minutes, even while names
// are added and removed, segments are merged, and names are renumbered.
func TestHistoryAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	cfg := testConfig()
	cfg.Minutes = 7
	inVirtualTime(t, cfg, func(c *clocked) {
		var minutes []values // sums of counters for each minute
		for range 40 {
			minute := values{}
			for range 6 {
				var all []*metric.Collected
				for _, i := range rng.Perm(3000)[:1+rng.IntN(soak.Times(400))] {
					name := fmt.Sprint("n", i+100*len(minutes))
					all = append(all, counter(name, float64(i)))
					minute[name] += float64(i)
				}
				c.flush(10e9, all...)
			}
			minutes = append(minutes, minute)
			for _, n := range []int{1, 3, 7} {
				want := values{}
				for _, m := range minutes[max(0, len(minutes)-n):] {
					for name, v := range m {
						want[name] += v
					}
				}
				if got := get(t, c.handler(), "GET", fmt.Sprintf("/%d/full", n)).Stat; !maps.Equal(got, want) {
					t.Fatalf("after %d minutes, the last %d: %d names, want %d", len(minutes), n, len(got), len(want))
				}
			}
		}
	})
}
