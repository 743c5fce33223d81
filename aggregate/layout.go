package aggregate

import (
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Naming is a scheme of paths. Each scheme produces the paths of another statsd implementation, so
// that dashboards made for it still work.
type Naming string

// The values of Naming.
const (
	Reference  Naming = "reference"   // deviantART's pystatsd
	Etsy       Naming = "etsy"        // Etsy's statsd with the setting legacyNamespace: false
	EtsyLegacy Naming = "etsy-legacy" // Etsy's statsd with default settings
	Gstatsd    Naming = "gstatsd"     // gstatsd by phensley
)

// Layout decides which points are made from an interval, and what their paths are. Naming.Layout
// returns a Layout to start with.
//
// The parts of a path are GlobalPrefix, the prefix of the kind, the name, the statistic, and
// GlobalSuffix, separated by dots. Empty parts are omitted.
type Layout struct {
	Naming Naming
	// Prefix is the part of the path before each name of a kind. Some schemes publish the counts of
	// counters under other paths than the rates. These paths start with the prefix of counters and
	// "_counts".
	Prefix [metric.Kinds]string
	// GlobalPrefix is a part of every path. It comes before the prefix of the kind, except with the scheme Gstatsd:
	// there it comes after the prefix of the kind.
	GlobalPrefix string
	// GlobalSuffix is the end of every path.
	GlobalSuffix string

	// Counters selects the values that are published for a counter: "rate" (its sum divided by the
	// interval), "count" (its sum), or both.
	Counters []string
	// TimerStats selects the values that are published for a timer: a subset of AllTimerStats, which
	// may be empty. A value with N in its name is published for each of Percentiles.
	TimerStats []string
	// Percentiles are thresholds for timers. A positive p selects the smallest p percent of the
	// samples, 0 < p <= 100. A negative p selects the greatest -p percent, -100 <= p < 0.
	Percentiles []float64
	// Histograms count the samples of timers in bins of different size. For each timer the first
	// histogram that fits its name is used.
	Histograms []Histogram

	// KeepGauges publishes gauges without new samples too, for GaugeFlushes flushes after their last
	// sample. If GaugeFlushes is 0, they are published as long as the table remembers their value.
	KeepGauges   bool
	GaugeFlushes int
	// IdleZeros publishes 0 for counters, timers and sets without new samples, until they expire. For
	// timers it publishes only the counts.
	IdleZeros bool

	// Rows says that a Snapshot also stores the data that only the method Snapshot.Rows needs: the sums of counters and,
	// if ExpBins is not 0, the distributions of timers. A distribution has at most ExpBins bins on each side of 0.
	Rows    bool
	ExpBins int

	// Interval is the configured flush interval. Counters are divided by it.
	Interval time.Duration
}

// Layout returns the default layout of the statsd implementation that the scheme imitates.
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

// Namings returns all schemes.
func Namings() []Naming { return []Naming{Reference, Etsy, EtsyLegacy, Gstatsd} }

func joinNamings() string {
	var names []string
	for _, n := range Namings() {
		names = append(names, string(n))
	}
	return strings.Join(names, ", ")
}

// Validate returns an error with the name of the flag if a setting is invalid.
func (l *Layout) Validate() error {
	if !slices.Contains(Namings(), l.Naming) {
		return metric.FlagErrorf("--naming", nil, "unknown scheme %q; use one of %s", l.Naming, joinNamings())
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
			return metric.FlagErrorf(p.flag, p.text, "may contain only A-Z, a-z, 0-9, _, - and dots")
		}
	}
	if err := validateWords("--counters", l.Counters, []string{"rate", "count"}); err != nil {
		return err
	}
	if len(l.Counters) == 0 {
		return metric.FlagErrorf("--counters", nil, "must be rate, count, or rate,count")
	}
	if err := validateWords("--timer-stats", l.TimerStats, AllTimerStats()); err != nil {
		return err
	}
	if l.GaugeFlushes < 0 || l.GaugeFlushes > 0 && !l.KeepGauges {
		return metric.FlagErrorf("--gauge-flushes", l.GaugeFlushes, "must be at least 0, and needs --gauges keep")
	}
	if err := l.validatePercentiles(); err != nil {
		return err
	}
	return l.validateHistograms()
}

// validateWords returns an error unless all words are in list and no word occurs twice.
func validateWords(flag string, words, list []string) error {
	for i, word := range words {
		if !slices.Contains(list, word) {
			return metric.FlagErrorf(flag, word, "must be one of %s", strings.Join(list, ", "))
		}
		if slices.Contains(words[:i], word) {
			return metric.FlagErrorf(flag, word, "given twice")
		}
	}
	return nil
}

func (l *Layout) validatePercentiles() error {
	names := map[string]float64{}
	for _, p := range l.Percentiles {
		if p < -100 {
			return metric.FlagErrorf("--pct", p, "must be at least -100")
		}
		if !(p != 0 && p <= 100) {
			return metric.FlagErrorf("--pct", p, "must be more than 0 and at most 100")
		}
		name := l.thresholdName(p)
		if before, there := names[name]; there && before == p {
			return metric.FlagErrorf("--pct", p, "given twice")
		} else if there {
			return metric.FlagErrorf("--pct", p, "would be published with the same name %q as the threshold %v, because of --naming %s: give only one of the two", name, before, l.Naming)
		}
		names[name] = p
	}
	if len(l.Percentiles) > 100 {
		return metric.FlagErrorf("--pct", nil, "may have at most 100 values")
	}
	return nil
}
