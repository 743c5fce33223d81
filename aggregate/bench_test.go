package aggregate

import (
	"fmt"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// benchSamples returns samples of several kinds, one for each of n names. The CPU cache cannot
// predict their order.
func benchSamples(n int, kinds ...metric.Kind) []metric.Sample {
	samples := make([]metric.Sample, n)
	for i := range samples {
		at := i * 7919 % n // at takes each value below n once, because n has no factor 7919
		samples[at] = metric.Sample{
			Kind:   kinds[i%len(kinds)],
			Name:   fmt.Appendf(nil, "app.web-%02d.api.v2.users.get.status_%d", i%50, i),
			Member: []byte("member"),
			Value:  float64(i % 1000),
			Weight: 1,
		}
	}
	return samples
}

var mixed = []metric.Kind{0, 0, 0, 0, 0, 2, 2, 2, 1, 3}

func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 1_000_000} {
		for name, kinds := range map[string][]metric.Kind{
			"counters": {metric.Counter}, "gauges": {metric.Gauge}, "timers": {metric.Timer}, "sets": {metric.Set}, "mixed": mixed,
		} {
			b.Run(fmt.Sprintf("%s/names=%d", name, n), func(b *testing.B) {
				table := testTable(1)
				s := table.Shard(0)
				samples := benchSamples(n, kinds...)
				for i := range samples {
					s.Add(&samples[i])
				}
				table.Drain(nil).Summarize(testLayout, 1)
				b.ReportAllocs()
				b.ResetTimer()
				var reasons [BatchSize]metric.Reason
				for i, rounds, n := 0, 0, 0; n < b.N; n += BatchSize {
					s.AddAll(samples[i:i+BatchSize], reasons[:])
					if reasons != [BatchSize]metric.Reason{} {
						b.Fatal("refused")
					}
					if i += BatchSize; i+BatchSize > len(samples) {
						i = 0
						if rounds++; rounds%40 == 0 { // flush the table
							b.StopTimer()
							table.Drain(nil).Summarize(testLayout, 1)
							b.StartTimer()
						}
					}
				}
				b.StopTimer()
				total := 0
				for range table.Drain(nil).Summarize(testLayout, 1).Points() {
					total++
				}
				if total == 0 {
					b.Fatal("no points")
				}
			})
		}
	}
}

// BenchmarkFlush drains and summarises a table with names of all kinds. ns/op is the time per name.
// swap-ns is the time for which a flush blocks receivers.
func BenchmarkFlush(b *testing.B) {
	for _, shards := range []int{1, 2} {
		for _, n := range []int{1_000, 1_000_000} {
			b.Run(fmt.Sprintf("shards=%d/names=%d", shards, n), func(b *testing.B) {
				table := testTable(shards)
				samples := benchSamples(n, mixed...)
				names, flushes, swap := 0, 0, int64(0)
				b.ResetTimer()
				b.StopTimer()
				for names < b.N {
					for i := range samples {
						table.Shard(i % shards).Add(&samples[i])
					}
					b.StartTimer()
					iv := table.Drain(nil)
					sn := iv.Summarize(testLayout, 1)
					b.StopTimer()
					if sum := sn.Count[0] + sn.Count[1] + sn.Count[2] + sn.Count[3]; sum != n {
						b.Fatalf("%d names, want %d", sum, n)
					}
					names += n
					flushes++
					swap += iv.Swap.Nanoseconds()
				}
				b.ReportMetric(float64(swap)/float64(flushes), "swap-ns")
			})
		}
	}
}
