package aggregate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// lines are samples as a receiver passes them on: the names stand one after the other in memory.
type lines struct {
	text  []byte
	ends  []uint32 // where each name ends in text
	kinds []metric.Kind
}

// newLines returns n samples with different names, in no particular order.
func newLines(n int, kinds ...metric.Kind) *lines {
	l := &lines{kinds: kinds}
	for i := range n {
		at := i * 7919 % n // at takes each value below n once, because n has no factor 7919
		l.text = fmt.Appendf(l.text, "app.web-%02d.api.v2.users.get.status_%d", at%50, at)
		l.ends = append(l.ends, uint32(len(l.text)))
	}
	return l
}

// batch fills samples with the samples from number i on.
func (l *lines) batch(i int, samples []metric.Sample) {
	begin := uint32(0)
	if i > 0 {
		begin = l.ends[i-1]
	}
	for k := range samples {
		end := l.ends[i+k]
		samples[k] = metric.Sample{Kind: l.kinds[(i+k)%len(l.kinds)], Name: l.text[begin:end], Member: l.text[:6], Value: 1, Weight: 1}
		begin = end
	}
}

// BenchmarkNewNames adds samples of new names until the table holds a given number of names. One
// operation adds one name. The unit B/name is the memory of a name.
func BenchmarkNewNames(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		for name, kinds := range map[string][]metric.Kind{"counters": {metric.Counter}, "mixed": mixed} {
			b.Run(fmt.Sprintf("%s/names=%d", name, n), func(b *testing.B) {
				lines := newLines(n, kinds...)
				var samples [BatchSize]metric.Sample
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
					for i := 0; i < min(n, left); {
						m := min(n-i, BatchSize)
						lines.batch(i, samples[:m])
						s.AddAll(samples[:m], reasons[:m])
						i += m
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
