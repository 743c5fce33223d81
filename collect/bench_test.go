package collect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// mix returns random samples: 60 % counters, 20 % gauges, 18 % timers with 20 samples each, and 2 %
// sets with 50 members each.
func mix(random *rand.Rand, names int) (samples []metric.Sample) {
	for i := range names {
		s := metric.Sample{Name: fmt.Appendf(nil, "app%d.%x.requests.%d.latency", random.IntN(50), random.Uint32(), i), Weight: 1}
		n := 1
		switch p := random.IntN(100); {
		case p < 60:
			s.Kind = metric.Counter
		case p < 80:
			s.Kind = metric.Gauge
		case p < 98:
			s.Kind, n = metric.Timer, 20
		default:
			s.Kind, n = metric.Set, 50
		}
		for range n {
			s.Value = float64(random.IntN(100000)) / 100
			s.At = time.Now().UnixNano()
			if s.Kind == metric.Set {
				s.Member = fmt.Appendf(nil, "%x", random.Uint64())
			}
			samples = append(samples, s)
		}
	}
	return samples
}

// BenchmarkOwner measures how long it takes an owner to decode and merge the rows of an edge, and
// how long it takes the edge to summarise the same interval. The ratio of the two times should be
// at most 1.
func BenchmarkOwner(b *testing.B) {
	const edges, names = 8, 2000
	config := testTable()
	config.MaxNames = 1e6
	layout := aggregate.Reference.Layout()
	random := rand.New(rand.NewPCG(1, 1))
	all := mix(random, names)
	var messages []message
	summarized, merged := time.Hour, time.Hour // the fastest round is the least disturbed by other programs
	table := aggregate.NewTable(config)
	fill := func() *aggregate.Interval {
		shard := table.Shard(0)
		shard.Lock()
		for i := range all {
			shard.Add(&all[i])
		}
		shard.Unlock()
		return table.Drain(nil)
	}
	end := time.Now().Truncate(interval).Add(interval).UnixNano()
	for i := range edges {
		e, _ := partial.NewEncoder(fmt.Sprintf("edge-%d", i), 1, 1)
		rows := partial.NewRows(1)
		rows.Begin(end)
		iv := fill()
		iv.Rows(rows.Add)
		e.Encode(partial.Interval{Number: 1, End: end}, rows, func(_ partial.Header, m []byte) {
			h, body, _ := partial.Open(slices.Clone(m))
			messages = append(messages, message{header: h, body: body})
		})
		iv.Summarize(layout, 1)
	}
	m := merging{table: aggregate.NewTable(config), decoder: partial.NewDecoder(), counts: &Counts{}, end: end, latest: end}
	for b.Loop() {
		iv := fill()
		start := time.Now()
		iv.Summarize(layout, 1)
		summarized = min(summarized, time.Since(start))

		start = time.Now()
		for i := range messages {
			m.message(&messages[i])
		}
		merged = min(merged, time.Since(start))
		m.table.Drain(nil).Summarize(layout, 1)
	}
	perName := float64(summarized) / names
	perRow := float64(merged) / names / edges
	b.ReportMetric(perName, "summarize-ns/name")
	b.ReportMetric(perRow, "merge-ns/row")
	b.ReportMetric(perRow/perName, "ratio")
}
