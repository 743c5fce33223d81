package aggregate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// BenchmarkNewNames adds samples of new names until the table holds a given number of names. One
// operation adds one name. The unit B/name is the memory of a name.
func BenchmarkNewNames(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		for name, kinds := range map[string][]metric.Kind{"counters": {metric.Counter}, "mixed": mixed} {
			b.Run(fmt.Sprintf("%s/names=%d", name, n), func(b *testing.B) {
				samples := benchSamples(n, kinds...)
				var reasons [BatchSize]metric.Reason
				var memory int
				b.ResetTimer()
				b.StopTimer()
				for left := b.N; left > 0; left -= n {
					table := testTable(1)
					s := table.Shard(0)
					runtime.GC()
					b.StartTimer()
					s.Lock()
					for rest := samples[:min(n, (left+BatchSize-1)/BatchSize*BatchSize)]; len(rest) > 0; {
						m := min(len(rest), BatchSize)
						s.AddAll(rest[:m], reasons[:m])
						rest = rest[m:]
					}
					s.Unlock()
					b.StopTimer()
					if reasons != [BatchSize]metric.Reason{} {
						b.Fatal("refused")
					}
					memory = table.Memory().Names
				}
				b.ReportMetric(float64(memory)/float64(n), "B/name")
			})
		}
	}
}
