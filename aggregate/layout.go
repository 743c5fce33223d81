package aggregate

import (
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Naming is a scheme of paths: that of another statsd, whose dashboards go on
// working.
type Naming string

// The schemes.
const (
	Reference  Naming = "reference"   // the deviantART pystatsd
	Etsy       Naming = "etsy"        // Etsy's statsd with legacyNamespace: false
	EtsyLegacy Naming = "etsy-legacy" // Etsy's statsd as it comes
	Gstatsd    Naming = "gstatsd"     // phensley/gstatsd
)

// Layout says which points are made of what a flush interval has collected,
// and how they are named. Naming.Layout returns one to start from.
//
// A path is GlobalPrefix, the prefix of the kind, the name, what the point is of the
// name, and GlobalSuffix, with dots between them; what is empty is left out.
type Layout struct {
	Naming Naming
	// Prefix stands in front of each name of a kind. Where counts of counters have paths
	// apart from rates, their prefix is that of counters with "_counts" behind it.
	Prefix [metric.Kinds]string
	// GlobalPrefix stands in front of every path. In Gstatsd it stands
	// between the prefix of the kind and the name instead.
	GlobalPrefix string
	// GlobalSuffix ends every path.
	GlobalSuffix string

	// Counters is what is published of a counter: "rate" (its sum divided by the
	// interval), "count" (its sum), or both.
	Counters []string
	// TimerStats is what is published of a timer, some of AllTimerStats. Those with
	// an N are published for each of Percentiles.
	TimerStats []string
	// Percentiles are thresholds for timers: of the smallest samples, 0 < p <= 100, or
	// of the greatest, -100 <= p < 0.
	Percentiles []float64
	// Histograms count timers' samples by size. For each timer the first that
	// fits its name does.
	Histograms []Histogram

	// KeepGauges publishes the values of gauges that were not seen too: in
	// GaugeFlushes flushes, counted from the last that saw it; 0 for as long as the
	// value is remembered.
	KeepGauges   bool
	GaugeFlushes int
	// IdleZeros publishes counters, timers and sets that were not seen, until
	// they have expired: 0, and of timers nothing but counts.
	IdleZeros bool

	// Interval is the configured flush interval, by which counters are divided.
	Interval time.Duration
}

// Layout returns the layout that the scheme's own statsd has unless told otherwise.
func (n Naming) Layout() Layout {
	l := Layout{
		Naming:      n,
		Prefix:      prefixes("stats", "stats", "stats.timers", "stats"),
		Counters:    []string{"rate"},
		TimerStats:  []string{"lower", "upper", "mean", "count", "upper_N"},
		Percentiles: []float64{90},
		Interval:    10 * time.Second,
	}
	switch n {
	case Gstatsd:
		l.Prefix = prefixes("stats", "stats", "stats.timers", "stats.sets")
		l.Counters = []string{"rate", "count"}
	case Etsy, EtsyLegacy:
		l.Prefix = prefixes("stats", "stats.gauges", "stats.timers", "stats.sets")
		if n == Etsy {
			l.GlobalPrefix = "stats"
			l.Prefix = prefixes("counters", "gauges", "timers", "sets")
		}
		l.Counters = []string{"rate", "count"}
		l.TimerStats = AllTimerStats()
		l.KeepGauges, l.IdleZeros = true, true
	}
	return l
}

func prefixes(counters, gauges, timers, sets string) [metric.Kinds]string {
	return [metric.Kinds]string{metric.Counter: counters, metric.Gauge: gauges, metric.Timer: timers, metric.Set: sets}
}

// Namings returns the schemes there are.
func Namings() []Naming { return []Naming{Reference, Etsy, EtsyLegacy, Gstatsd} }

// Validate says what is wrong with the layout, and names the flag.
func (l *Layout) Validate() error {
	if !slices.Contains(Namings(), l.Naming) {
		return metric.FlagErrorf("--naming", nil, "there is no scheme %q", l.Naming)
	}
	for _, p := range []struct{ flag, text string }{
		{"--counters-prefix", l.Prefix[metric.Counter]},
		{"--timers-prefix", l.Prefix[metric.Timer]},
		{"--gauge-prefix", l.Prefix[metric.Gauge]},
		{"--sets-prefix", l.Prefix[metric.Set]},
		{"--prefix", l.GlobalPrefix},
		{"--suffix", l.GlobalSuffix},
	} {
		if !metric.IsClean([]byte(p.text)) {
			return metric.FlagErrorf(p.flag, p.text, "want only A-Z a-z 0-9 _ - and dots between them")
		}
	}
	if err := validateWords("--counters", l.Counters, []string{"rate", "count"}); err != nil {
		return err
	}
	if err := validateWords("--timer-stats", l.TimerStats, AllTimerStats()); err != nil {
		return err
	}
	if l.GaugeFlushes < 0 || l.GaugeFlushes > 0 && !l.KeepGauges {
		return metric.FlagErrorf("--gauge-flushes", l.GaugeFlushes, "want 0 or more, and not --gauges seen")
	}
	if err := l.validatePercentiles(); err != nil {
		return err
	}
	return l.validateHistograms()
}

// validateWords wants some of a list, none of them twice.
func validateWords(flag string, words, list []string) error {
	for i, word := range words {
		if !slices.Contains(list, word) {
			return metric.FlagErrorf(flag, word, "want some of %s", strings.Join(list, ", "))
		}
		if slices.Contains(words[:i], word) {
			return metric.FlagErrorf(flag, word, "given twice")
		}
	}
	if len(words) == 0 {
		return metric.FlagErrorf(flag, nil, "want some of %s", strings.Join(list, ", "))
	}
	return nil
}

func (l *Layout) validatePercentiles() error {
	names := map[string]float64{}
	for _, p := range l.Percentiles {
		if p < -100 {
			return metric.FlagErrorf("--pct", p, "want at least -100")
		}
		if !(p != 0 && p <= 100) {
			return metric.FlagErrorf("--pct", p, "want more than 0, at most 100")
		}
		name := l.thresholdName(p)
		if before, there := names[name]; there && before == p {
			return metric.FlagErrorf("--pct", p, "given twice")
		} else if there {
			return metric.FlagErrorf("--pct", p, "is called %s by --naming %s, like %v", name, l.Naming, before)
		}
		names[name] = p
	}
	if len(l.Percentiles) > 100 {
		return metric.FlagErrorf("--pct", nil, "want at most 100 of them")
	}
	return nil
}
