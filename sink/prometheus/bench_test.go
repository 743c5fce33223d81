package prometheus

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// filled returns a sink with series of a kind, and what each collects in an interval.
func filled(b *testing.B, n int, kind metric.Kind) (*Sink, []metric.Collected) {
	b.Helper()
	cfg := mapped(b, "mappings:\n- {match: 'web.*.*.requests', name: web_requests_total, labels: {site: '$1', verb: '$2'}}")
	cfg.MaxSeries = 2 * n
	s, err := New(cfg, func(string) {})
	if err != nil {
		b.Fatal(err)
	}
	all := make([]metric.Collected, n)
	for i := range all {
		all[i] = metric.Collected{Kind: kind, Name: fmt.Appendf(nil, "web.site%d.GET.requests", i), Value: 1, Samples: []float64{1, 20, 300}, Weight: 3, Sum: 321, Millis: true}
	}
	interval(s, all)
	return s, all
}

func interval(s *Sink, all []metric.Collected) {
	for i := range all {
		s.Record(&all[i])
	}
	s.EndInterval(sink.Interval{End: time.Now()})
}

// BenchmarkInterval is what an interval costs for each name.
func BenchmarkInterval(b *testing.B) {
	for kind := range metric.Timer + 1 {
		b.Run(kind.String(), func(b *testing.B) {
			const n = 10_000
			s, all := filled(b, n, kind)
			b.ReportAllocs()
			for b.Loop() {
				interval(s, all)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/name")
		})
	}
}

// BenchmarkPage is what a scrape costs.
func BenchmarkPage(b *testing.B) {
	s, all := filled(b, 200_000, metric.Counter)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			_ = s.current.write(io.Discard)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/series")
	})
	b.Run("gzip", func(b *testing.B) {
		for b.Loop() {
			v := &view{families: s.current.families, pages: s.current.pages, chunks: s.current.chunks}
			_ = v.compressed(false)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/series")
	})
	b.Run("gzip again", func(b *testing.B) {
		for b.Loop() {
			_ = s.current.compressed(false)
		}
	})
}
