package prometheus

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// filled returns a Sink with n series of one kind, and the values that each series gets in an interval.
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

// BenchmarkInterval measures the cost of an interval per name.
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

func BenchmarkPage(b *testing.B) {
	s, all := filled(b, 200_000, metric.Counter)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			_ = s.current.write(io.Discard)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/series")
	})
	b.Run("gzip", func(b *testing.B) {
		size := 0
		for b.Loop() {
			v := &view{families: s.current.families, pages: s.current.pages, chunks: s.current.chunks}
			size = len(v.compressed(false, 0, func() {}))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/series")
		b.ReportMetric(float64(size)/float64(len(all)), "B/series")
	})
	b.Run("gzip again", func(b *testing.B) {
		for b.Loop() {
			_ = s.current.compressed(false, 0, func() {})
		}
	})
}

// BenchmarkRegexes compares a page whose mapping has 50 regular expressions to a page whose mapping has 50 globs. It
// reports the ratio of their times in one run, which may be at most 1.05. An operation adds one value of one name to
// each of the two pages. Each name is mapped only once, so the ratio is close to 1.
func BenchmarkRegexes(b *testing.B) {
	const names = 10_000
	globs, regexes := "mappings:", "mappings:"
	for i := range 50 {
		globs += fmt.Sprintf("\n- {match: 'app.web-%02d.*.*', name: requests, labels: {verb: $1, code: $2}}", i)
		regexes += fmt.Sprintf("\n- {match: '^app\\.web-%02d\\.([^.]*)\\.([^.]*)$', match_type: regex, name: requests, labels: {verb: $1, code: $2}}", i)
	}
	all := make([]metric.Collected, names)
	for i := range all {
		all[i] = metric.Collected{Kind: metric.Counter, Name: fmt.Appendf(nil, "app.web-%02d.get.status_%d", i%50, i), Value: 1}
	}
	pages := [2]*daemon{}
	for i, mapping := range []string{globs, regexes} {
		cfg := mapped(b, mapping)
		cfg.MaxSeries = 2 * names
		pages[i] = startDaemon(b, cfg)
	}
	timed := func(d *daemon) time.Duration {
		begun := time.Now()
		interval(d.Sink, all)
		return time.Since(begun)
	}
	var ratios []float64
	for done := 0; done < b.N || len(ratios) < 2; done += names {
		one, other := timed(pages[0]), timed(pages[1])
		ratios = append(ratios, float64(other)/float64(one))
	}
	ratios = ratios[1:] // the first round also maps the names
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "regexes/globs")
}

// BenchmarkWindow measures the time to add the 40 samples of an interval to the window of a summary. The window has
// five parts.
func BenchmarkWindow(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	intervals := make([]metric.Collected, 50)
	for i := range intervals {
		for range 40 {
			intervals[i].Samples = append(intervals[i].Samples, 10*math.Exp(random.NormFloat64()))
		}
	}
	w, batch := window{parts: make([]part, 5)}, batch{}
	for i := 0; b.Loop(); i++ {
		w.head = i % len(w.parts)
		w.add(&intervals[i%len(intervals)], unit{true, 1}, 1, &batch)
	}
	b.ReportMetric(float64(len(w.bins)), "bins")
}
