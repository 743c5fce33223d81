package partial

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/cputime"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

const (
	benchNames      = 10_000
	benchPartitions = 64
)

// mix returns traffic that resembles the traffic of real sites. The names consist of random words and numbers. 60 % of
// the names are counters, 20 % gauges, 18 % timers with 20 samples, and 2 % sets with 50 members.
func mix() (samples []metric.Sample) {
	random := rand.New(rand.NewPCG(11, 12))
	words := []string{"api", "web", "checkout", "search", "db", "cache", "queue", "auth", "mobile", "eu-west", "requests", "latency", "errors", "render", "session", "user_profile", "payments", "get", "post", "p2p", "cpu", "jobs", "retries", "bytes_sent", "pool", "hits"}
	name := func() []byte {
		b := fmt.Appendf(nil, "%s.%s", words[random.IntN(len(words))], words[random.IntN(len(words))])
		for range 1 + random.IntN(3) {
			b = fmt.Appendf(b, ".%s%d", words[random.IntN(len(words))], random.IntN(1000))
		}
		return fmt.Appendf(b, ".%s", words[random.IntN(len(words))])
	}
	for i := range benchNames {
		s := metric.Sample{Name: fmt.Appendf(name(), "%d", i), Weight: 1}
		n := 1
		switch p := random.IntN(100); {
		case p < 60:
			s.Kind, n = metric.Counter, 3
		case p < 80:
			s.Kind = metric.Gauge
		case p < 98:
			s.Kind, n = metric.Timer, 20
		default:
			s.Kind, n = metric.Set, 50
		}
		for j := range n {
			s.Value = float64(random.IntN(2000))
			if s.Kind == metric.Set {
				s.Member = fmt.Appendf(nil, "user-%d-%d", i, j)
			}
			samples = append(samples, s)
		}
	}
	return samples
}

func benchTable() *aggregate.Table {
	return aggregate.NewTable(aggregate.Config{
		Shards: 1, MaxNames: 1e6, MaxNameLength: 1024, MaxSetMembers: 1e6, MaxTimerSamples: 1e6,
		MemberKey: [16]byte{1}, Expire: [metric.Kinds]uint32{10, 10, 10, 10},
	})
}

func fill(table *aggregate.Table, samples []metric.Sample) *aggregate.Interval {
	shard := table.Shard(0)
	for i := range samples {
		shard.Lock()
		shard.Add(&samples[i])
		shard.Unlock()
	}
	return table.Drain(nil)
}

func benchLayout() aggregate.Layout {
	layout := aggregate.Etsy.Layout()
	layout.Interval = 10 * time.Second
	layout.KeepGauges, layout.IdleZeros = false, false
	return layout
}

// BenchmarkInterval processes the traffic of mix in three ways: a single daemon summarises it, an edge reads and
// encodes its rows, and an owner decodes and merges these rows. It reports the CPU time per name for each of these
// steps. It also reports the times of the edge and of the owner as ratios to the time of the single daemon.
func BenchmarkInterval(b *testing.B) {
	samples := mix()
	edge, owner := benchTable(), benchTable()
	e, d, layout := newEncoder(b, benchPartitions), NewDecoder(), benchLayout()
	var summarize, rows, encode, merge cputime.Meter
	collected := NewRows(benchPartitions)
	var messages [][]byte
	size, line := 0, 0.0
	for n := uint64(1); b.Loop(); n++ {
		iv := fill(edge, samples)
		messages, size = messages[:0], 0
		measure(&rows, func() {
			collected.Begin(end)
			iv.Rows(collected.Add)
		})
		measure(&encode, func() {
			e.Encode(Interval{Number: n, End: end}, collected, func(_ Header, m []byte) {
				messages, size = append(messages, slices.Clone(m)), size+len(m)
			})
		})
		var sn *aggregate.Snapshot
		measure(&summarize, func() { sn = iv.Summarize(layout, end/1e9) })
		line = lineBytes(sn)
		measure(&merge, func() { mergeAll(b, d, owner.Shard(0), messages) })
		owner.Drain(nil).Summarize(layout, 1)
	}
	name := func(t time.Duration) float64 { return float64(t.Nanoseconds()) / float64(b.N) / benchNames }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(name(summarize.Total()), "summarize-ns")
	b.ReportMetric(name(rows.Total()), "rows-ns")
	b.ReportMetric(name(encode.Total()), "encode-ns")
	b.ReportMetric(name(merge.Total()), "merge-ns")
	b.ReportMetric(float64(rows.Total()+encode.Total())/float64(summarize.Total()), "edge/summarize")
	b.ReportMetric(float64(merge.Total())/float64(summarize.Total()), "owner/summarize")
	b.ReportMetric(float64(size)/benchNames, "B/name")
	b.ReportMetric(float64(size)/benchNames/line, "bytes/line")
}

func measure(m *cputime.Meter, f func()) {
	defer m.Start()()
	f()
}

func mergeAll(t testing.TB, d *Decoder, shard *aggregate.Shard, messages [][]byte) {
	shard.Lock()
	defer shard.Unlock()
	for _, m := range messages {
		_, body, err := Open(m)
		if err == nil {
			err = d.Rows(&body, func(r *aggregate.Row) { shard.Merge(r) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// lineBytes returns the average length of a line for Graphite.
func lineBytes(sn *aggregate.Snapshot) float64 {
	var lines sink.Lines
	count, size := 0, 0
	for p := range sn.Points() {
		size += len(lines.Append(nil, p))
		count++
	}
	return float64(size) / float64(count)
}
