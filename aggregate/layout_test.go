package aggregate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// addAll adds samples of each kind, with the values that TestNamings expects.
func addAll(t *testing.T, s *Shard) {
	add(t, s, "hits c 1", "hits c 4 x10", "g g 5", "u s a", "u s b")
	add(t, s, "lat ms 320 x10", "lat ms 100", "lat ms 7.5")
}

func TestNamings(t *testing.T) {
	// 10 % of three samples is 0.3, which is rounded to 0 samples.
	etsy := points{
		"stats.gauges.g": 5, "stats.sets.u.count": 2,
		"stats.timers.lat.lower": 7.5, "stats.timers.lat.upper": 320, "stats.timers.lat.mean": 142.5, "stats.timers.lat.count": 12,
		"stats.timers.lat.count_ps": 1.2, "stats.timers.lat.sum": 427.5, "stats.timers.lat.sum_squares": 112456.25,
		"stats.timers.lat.std": 131.06932008165248, "stats.timers.lat.median": 100, "stats.timers.lat.count_50": 2, "stats.timers.lat.mean_50": 53.75,
		"stats.timers.lat.upper_50": 100, "stats.timers.lat.sum_50": 107.5, "stats.timers.lat.sum_squares_50": 10056.25,
	}
	with := func(counters points) points {
		maps.Copy(counters, etsy)
		return counters
	}
	for naming, want := range map[Naming]points{
		Reference: {"stats.hits": 4.1, "stats.g": 5, "stats.u": 2,
			"stats.timers.lat.lower": 7.5, "stats.timers.lat.upper": 320, "stats.timers.lat.mean": 142.5, "stats.timers.lat.count": 12,
			"stats.timers.lat.upper_50": 100, "stats.timers.lat.lower_top10": 320},
		Gstatsd: {"stats.hits": 4.1, "stats_counts.hits": 41, "stats.g": 5, "stats_counts.g": 5, "stats.sets.u.count": 2,
			"stats.timers.lat.lower": 7.5, "stats.timers.lat.upper": 320, "stats.timers.lat.mean": 53.75, "stats.timers.lat.count": 3,
			"stats.timers.lat.upper_50": 100, "stats.timers.lat.lower_top10": 320},
		Etsy:       with(points{"stats.counters.hits.rate": 4.1, "stats.counters.hits.count": 41}),
		EtsyLegacy: with(points{"stats.hits": 4.1, "stats_counts.hits": 41}),
	} {
		layout := naming.Layout()
		layout.Percentiles = []float64{50, -10}
		if err := layout.Validate(); err != nil {
			t.Error(err)
		}
		for _, shards := range []int{1, 2, 8} {
			table := testTable(shards)
			addAll(t, table.Shard(shards-1))
			t.Run(fmt.Sprint(naming, shards), func(t *testing.T) { expect(t, flushAs(table, layout), want) })
		}
	}
}

func TestPrefixAndSuffix(t *testing.T) {
	for naming, want := range map[Naming]string{
		Reference:  "p.own.x.s p.acme.hits.s p.acme_counts.hits.s p.g.s p.t.lat.upper_90.s p.acme.u.s",
		Etsy:       "p.own.x.s p.acme.hits.rate.s p.acme.hits.count.s p.g.s p.t.lat.upper_90.s p.acme.u.count.s",
		EtsyLegacy: "p.own.x.s p.acme.hits.s p.acme_counts.hits.s p.g.s p.t.lat.upper_90.s p.acme.u.count.s",
		Gstatsd:    "own.x.s acme.p.hits.s acme_counts.p.hits.s p.g.s stats_counts.p.g.s t.p.lat.upper_90.s acme.p.u.count.s",
	} {
		layout := naming.Layout()
		layout.GlobalPrefix, layout.GlobalSuffix = "p", "s"
		layout.Prefix = prefixes("acme", "", "t", "acme")
		layout.Counters, layout.TimerStats = []string{"rate", "count"}, []string{"upper_N"}
		table := testTable(1)
		addAll(t, table.Shard(0))
		got := flushAs(table, layout)
		got[layout.Own("own", "x")] = 0
		for path := range strings.FieldsSeq(want) {
			if _, ok := got[path]; !ok {
				t.Errorf("%s: no %s", naming, path)
			}
			delete(got, path)
		}
		if len(got) > 0 {
			t.Errorf("%s: more points: %v", naming, got)
		}
	}
}

// A name without samples is published once per flush until it expires, for any number of shards.
func TestIdle(t *testing.T) {
	layout := Etsy.Layout()
	layout.Percentiles, layout.Histograms = nil, []Histogram{{"", []float64{1}}}
	for _, shards := range []int{1, 2, 3} {
		config := testTable(shards).config
		config.Expire = [metric.Kinds]uint32{metric.Counter: 4, metric.Gauge: 6, metric.Timer: 4, metric.Set: 4}
		table := NewTable(config)
		for i := range shards {
			addAll(t, table.Shard(i))
		}
		flushAs(table, layout)
		idle := points{"stats.counters.hits.rate": 0, "stats.counters.hits.count": 0, "stats.gauges.g": 5, "stats.sets.u.count": 0,
			"stats.timers.lat.count": 0, "stats.timers.lat.count_ps": 0}
		for age := 1; age <= 3; age++ {
			sn := table.Drain(nil).Summarize(layout, 1)
			got := points{}
			for p := range sn.Points() {
				got[string(p.Path)] = p.Value
			}
			expect(t, got, idle)
			if sn.Len() != len(got) || sn.Count != [metric.Kinds]int{1, 1, 1, 1} {
				t.Errorf("%d shards, %d flushes later: %d points of %v names, want %d", shards, age, sn.Len(), sn.Count, len(got))
			}
		}
		add(t, table.Shard(shards-1), "g g +1")
		expect(t, flushAs(table, layout), points{"stats.gauges.g": 6})
		layout.GaugeFlushes = 3
		expect(t, flushAs(table, layout), points{"stats.gauges.g": 6})
		expect(t, flushAs(table, layout), points{"stats.gauges.g": 6})
		expect(t, flushAs(table, layout), points{})
		layout.GaugeFlushes = 1 << 32
		expect(t, flushAs(table, layout), points{"stats.gauges.g": 6})
		layout.GaugeFlushes = 0
		flushAs(table, layout)
		expect(t, flushAs(table, layout), points{})
	}
}

// Idle names are published even while a shard's names move to a new table.
func TestIdleNamesMove(t *testing.T) {
	layout := EtsyLegacy.Layout()
	config := testTable(1).config
	config.Expire = [metric.Kinds]uint32{metric.Counter: 3, metric.Gauge: 100, metric.Timer: 3, metric.Set: 3}
	table := NewTable(config)
	add(t, table.Shard(0), "g g 7")
	for i := range 5000 {
		add(t, table.Shard(0), fmt.Sprintf("once.%d c 1", i))
	}
	for age := range 8 {
		got := flushAs(table, layout)
		if want := map[bool]int{true: 10_001, false: 1}[age < 3]; len(got) != want || got["stats.gauges.g"] != 7 {
			t.Errorf("%d flushes later: %d points, gauge %v; want %d, 7", age, len(got), got["stats.gauges.g"], want)
		}
	}
	if n := table.Shard(0).names.count; n > 1 {
		t.Errorf("%d records stay, want only the gauge's", n)
	}
}

// With all options turned on, the results are the same for any number of shards.
func TestShardsAgreeOnAll(t *testing.T) {
	tables := []*Table{testTable(1), testTable(2), testTable(8)}
	for _, table := range tables {
		table.config.Expire = [metric.Kinds]uint32{3, 4, 3, 3}
	}
	layout := Etsy.Layout()
	layout.Percentiles = []float64{50, 99.9, -10}
	layout.Histograms = []Histogram{{"7", []float64{-1, 20, 50.5}}, {"", []float64{100}}}
	shardsAgree(t, tables, layout, soak.Times(4000))
}

func TestHistogram(t *testing.T) {
	layout := Reference.Layout()
	layout.TimerStats = []string{"count"}
	for _, text := range []string{"not:", "render:-5,0,2.21,10,inf", ":10,20"} {
		h, err := ParseHistogram(text)
		if err != nil {
			t.Fatal(err)
		}
		layout.Histograms = append(layout.Histograms, h)
	}
	for _, limit := range []int{100, 2} { // with limit 100 all samples are stored; with limit 2 most are in sketches
		table := sketchTable(1, limit)
		for _, v := range []string{"-100", "-5", "0", "2.2", "2.21", "10", "19.9", "20", "1e9"} {
			add(t, table.Shard(0), "app.render ms "+v+" x2", "other ms "+v, "not.render ms "+v)
		}
		got := flushAs(table, layout)
		if limit == 2 { // for samples equal to a bound, the sketch may count the wrong bin
			if sum := got["stats.timers.other.histogram.bin_10"] + got["stats.timers.other.histogram.bin_20"]; sum < 6 || sum > 8 {
				t.Errorf("folded: %v of 9 samples are below 20, want 7 or so", sum)
			}
			continue
		}
		expect(t, got, points{
			"stats.timers.app.render.count": 18, "stats.timers.other.count": 9, "stats.timers.not.render.count": 9,
			"stats.timers.app.render.histogram.bin_-5": 1, "stats.timers.app.render.histogram.bin_0": 1, "stats.timers.app.render.histogram.bin_2_21": 2,
			"stats.timers.app.render.histogram.bin_10": 1, "stats.timers.app.render.histogram.bin_inf": 4,
			"stats.timers.other.histogram.bin_10": 5, "stats.timers.other.histogram.bin_20": 2,
		})
	}
}

// A layout can publish only histograms of timers, or nothing at all.
func TestHistogramsAlone(t *testing.T) {
	t.Parallel()
	for _, naming := range Namings() {
		layout := naming.Layout()
		layout.Prefix = apart.Prefix
		layout.TimerStats, layout.Histograms = nil, []Histogram{{"render", []float64{10, 20}}}
		if err := layout.Validate(); err != nil {
			t.Error(err)
		}
		table := testTable(2)
		add(t, table.Shard(0), "render ms 5", "render ms 15", "other ms 5", "other..x ms 5", "hits c 1")
		add(t, table.Shard(1), "render ms 25", "other ms 5", "other.x ms 5")
		for round := range 2 {
			sn := table.Drain(nil).Summarize(layout, 1)
			got := points{}
			for p := range sn.Points() {
				got[string(p.Path)] = p.Value
			}
			if sn.Len() != len(got) || sn.Collisions != 0 {
				t.Errorf("%s: %d points, said to be %d; %d collisions", naming, len(got), sn.Len(), sn.Collisions)
			}
			maps.DeleteFunc(got, func(path string, _ float64) bool { return !strings.Contains(path, "timers") })
			if round == 1 {
				expect(t, got, points{})
				continue
			}
			prefix := map[bool]string{true: "stats.", false: ""}[naming == Etsy]
			expect(t, got, points{prefix + "timers.render.histogram.bin_10": 1, prefix + "timers.render.histogram.bin_20": 1})
		}
	}
}

func TestLayoutFaults(t *testing.T) {
	for want, change := range map[string]func(*Layout){
		`--naming: unknown scheme ""`:                                                       func(l *Layout) { l.Naming = "" },
		"--counters sum: must be one of rate":                                               func(l *Layout) { l.Counters = []string{"sum"} },
		"--counters: must be rate, count":                                                   func(l *Layout) { l.Counters = nil },
		"--timer-stats mode: must be one of":                                                func(l *Layout) { l.TimerStats = []string{"mean", "mode"} },
		"--timer-stats mean: given twice":                                                   func(l *Layout) { l.TimerStats = []string{"mean", "mean"} },
		"--pct 0: must be more than 0":                                                      func(l *Layout) { l.Percentiles = []float64{0} },
		"--pct -100.5: must be at least -100":                                               func(l *Layout) { l.Percentiles = []float64{-100.5} },
		`--pct 99.9: would be published with the same name "99" as`:                         func(l *Layout) { l.Naming, l.Percentiles = Gstatsd, []float64{99, 99.9} },
		"--gauge-flushes 2: must be at least 0":                                             func(l *Layout) { l.GaugeFlushes = 2 },
		`--prefix "a b": may contain only`:                                                  func(l *Layout) { l.GlobalPrefix = "a b" },
		`--suffix "a;b=c": may contain only`:                                                func(l *Layout) { l.GlobalSuffix = "a;b=c" },
		"--histogram: a: the bound 2 must be larger than the bound before it, and not -inf": func(l *Layout) { l.Histograms = []Histogram{{"a", []float64{2, 2}}} },
		"--histogram a: given twice":                                                        func(l *Layout) { l.Histograms = []Histogram{{"a", nil}, {"b", nil}, {"a", nil}} },
		"--histogram: a: may have at most 100":                                              func(l *Layout) { l.Histograms = []Histogram{{"a", rising(101)}} },
	} {
		l := Reference.Layout()
		change(&l)
		if err := l.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	for _, text := range []string{"render", "render:1,,2", "render:1,x", "render:nan", "render:-inf,1", "render:inf,1"} {
		if h, err := ParseHistogram(text); err == nil {
			t.Errorf("%s is taken as %v", text, h)
		}
	}
}

func rising(n int) (bounds []float64) {
	for i := range n {
		bounds = append(bounds, float64(i))
	}
	return bounds
}

// For a timer with a sketch, values that need no ranks are exact, and the other values are close to
// exact.
func TestFoldedTimersOfAllStats(t *testing.T) {
	layout := Etsy.Layout()
	layout.Interval = time.Second
	layout.Percentiles = []float64{50, 90, -10}
	rng := rand.New(rand.NewPCG(9, 10))
	for name, shape := range map[string]func() float64{
		"latencies": func() float64 { return rng.ExpFloat64() * 100 },
		"all signs": func() float64 { return rng.NormFloat64()*10 + 1 },
		"far off":   func() float64 { return 1e8 + rng.Float64() },
	} {
		for _, shards := range []int{1, 3} {
			exact, folded := testTable(1), sketchTable(shards, 10)
			for i := range soak.Times(20_000) {
				text := fmt.Sprintf("t ms %v", shape())
				add(t, exact.Shard(0), text)
				add(t, folded.Shard(i%shards), text)
			}
			want, got := flushAs(exact, layout), flushAs(folded, layout)
			for path, w := range want {
				// A sketch has an error of 1 % for each sample. If the samples have both signs, sums and means can be
				// close to 0. So the tolerance for sums and means is a part of the published sum of squares.
				near := 1e-9 * abs(w)
				if strings.Contains(path, "_50") || strings.Contains(path, "_90") || strings.Contains(path, "10") || strings.HasSuffix(path, "median") {
					near = 0.011*abs(w) + 0.02*abs(want["stats.timers.t.mean_50"])*float64(strings.Count(path, "mean_"))
				}
				if name == "all signs" && (strings.Contains(path, "sum") || strings.Contains(path, "mean_")) {
					near = 0.03 * abs(want["stats.timers.t.sum_squares"])
				}
				if g, ok := got[path]; !ok || abs(g-w) > near {
					t.Errorf("%s, %d shards: %s = %v, want %v", name, shards, path, g, w)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: %d points, want %d", name, len(got), len(want))
			}
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

func TestHistogramOfTagged(t *testing.T) {
	h, err := ParseHistogram("prod:inf")
	if err != nil {
		t.Fatal(err)
	}
	if !h.fits([]byte("prod.t;k=v")) || h.fits([]byte("t;env=prod")) {
		t.Error("a histogram is not chosen by the name without its tags")
	}
}
