package aggregate

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// column is one point that each name of a kind has: the stat to compute, and the text before and
// after the name in the path.
type column struct {
	prefix, suffix string
	name           string // name of the statistic, see metric.Row
	stat           stat
	part           int  // index of a threshold or of a histogram bin
	newPrefix      bool // whether the prefix differs from the prefix of the previous column
}

// stat is a statistic of a name, such as a mean or a rate.
type stat uint8

const (
	ofValue    stat = iota // the value of a gauge or a set
	ofRate                 // the rate of a counter
	ofCount                // the sum of a counter, or the number of a timer's samples, where each sample counts as 1/(its sample rate)
	ofCountPS              // ofCount per second
	ofReceived             // the number of a timer's samples as received
	ofLower
	ofUpper
	ofMean
	ofSum
	ofSquares
	ofStd
	ofMedian
	ofBound // the stats from ofBound to ofPartSquares are about the samples inside a threshold
	ofPartMean
	ofPartSum
	ofPartCount
	ofPartSquares
	ofBin // the number of samples in a histogram bin
)

// timerStats maps the names of timer stats to the stats. N in a name stands for a threshold.
var timerStats = map[string]stat{
	"lower": ofLower, "upper": ofUpper, "mean": ofMean, "count": ofCount, "count_ps": ofCountPS,
	"sum": ofSum, "sum_squares": ofSquares, "std": ofStd, "median": ofMedian,
	"upper_N": ofBound, "mean_N": ofPartMean, "sum_N": ofPartSum, "count_N": ofPartCount, "sum_squares_N": ofPartSquares,
}

// AllTimerStats returns the possible values of Layout.TimerStats. For a threshold below zero,
// upper_N is published as lower_topN.
func AllTimerStats() []string {
	return slices.SortedFunc(maps.Keys(timerStats), func(a, b string) int { return cmp.Compare(timerStats[a], timerStats[b]) })
}

// columns returns the columns that are published for a name with samples. kind is the kind of the name.
func (l *Layout) columns(kind metric.Kind) []column {
	prefix := l.Prefix[kind]
	switch kind {
	case metric.Counter:
		return l.counterColumns()
	case metric.Timer:
		return l.timerColumns()
	case metric.Gauge:
		cols := []column{l.column(prefix, "", ofValue).named("value")}
		if l.Naming == Gstatsd && slices.Contains(l.Counters, "count") {
			cols = append(cols, l.column(countsPrefix(prefix), "", ofValue).named("count"))
		}
		return cols
	default:
		name := "count"
		if l.Naming == Reference {
			name = ""
		}
		return []column{l.column(prefix, name, ofValue).named("count")}
	}
}

func (l *Layout) counterColumns() (cols []column) {
	prefix := l.Prefix[metric.Counter]
	for _, name := range l.Counters {
		c := l.column(prefix, "", ofRate)
		switch {
		case l.Naming == Etsy:
			c = l.column(prefix, name, ofRate)
		case name == "count":
			c = l.column(countsPrefix(prefix), "", ofRate)
		}
		if name == "count" {
			c.stat = ofCount
		}
		cols = append(cols, c.named(name))
	}
	return cols
}

func (l *Layout) timerColumns() (cols []column) {
	for _, name := range l.TimerStats {
		s := timerStats[name]
		if s < ofBound {
			cols = append(cols, l.column(l.Prefix[metric.Timer], name, l.meaning(s)).named(name))
			continue
		}
		for i, p := range l.Percentiles {
			what := strings.TrimSuffix(name, "N") + l.thresholdName(p)
			if s == ofBound && p < 0 {
				what = "lower_" + l.thresholdName(p)
			}
			c := l.column(l.Prefix[metric.Timer], what, s)
			c.part = i
			cols = append(cols, c.named(what))
		}
	}
	return cols
}

// meaning returns the stat that is published under the name of the stat s. This is s itself, except in the scheme
// Gstatsd. The program gstatsd supports only one threshold, and no sample rates of timers. So its mean is the mean of
// the samples inside the threshold, and its count is the number of samples as received.
func (l *Layout) meaning(s stat) stat {
	switch {
	case l.Naming == Gstatsd && s == ofMean && len(l.Percentiles) > 0:
		return ofPartMean
	case l.Naming == Gstatsd && s == ofCount:
		return ofReceived
	}
	return s
}

// histogramColumns returns the columns that a histogram adds to a timer.
func (l *Layout) histogramColumns(h Histogram) (cols []column) {
	for i, bound := range h.Bounds {
		name := "bin_" + number(bound)
		c := l.column(l.Prefix[metric.Timer], "histogram."+name, ofBin)
		c.part = i
		cols = append(cols, c.named(name))
	}
	return cols
}

// idleColumns returns the columns that are published for a name without samples. kind is the kind of the name.
func (l *Layout) idleColumns(kind metric.Kind) (cols []column) {
	for _, c := range l.columns(kind) {
		if kind != metric.Timer || c.stat == ofCount || c.stat == ofCountPS || c.stat == ofReceived {
			cols = append(cols, c)
		}
	}
	return cols
}

// column returns a column for the stat s. In a path, the parameter prefix stands before the name, and the parameter
// what stands after the name. Both can be empty.
func (l *Layout) column(prefix, what string, s stat) column {
	c := column{prefix: join(l.GlobalPrefix, prefix), suffix: join(what, l.GlobalSuffix), stat: s}
	if l.Naming == Gstatsd {
		c.prefix = join(prefix, l.GlobalPrefix)
	}
	if c.prefix != "" {
		c.prefix += "."
	}
	if c.suffix != "" {
		c.suffix = "." + c.suffix
	}
	return c
}

// named returns a copy of the column whose statistic has this name.
func (c column) named(name string) column {
	c.name = name
	return c
}

// Own returns the path of one of the daemon's own metrics, below the prefix of these metrics.
func (l *Layout) Own(prefix, name string) string {
	return join(l.OwnPrefix(prefix), name, l.GlobalSuffix)
}

// OwnPrefix returns the start of the paths of the daemon's own metrics.
func (l *Layout) OwnPrefix(prefix string) string {
	if l.Naming == Gstatsd {
		return join(prefix)
	}
	return join(l.GlobalPrefix, prefix)
}

// AppendPoints appends the points of a counter or a gauge. v is the sum of the counter, or the value
// of the gauge. The time of the points is 0.
func (l *Layout) AppendPoints(points []metric.Point, kind metric.Kind, name string, v float64) []metric.Point {
	columns := l.columns(kind)
	values := make([]float64, len(columns))
	fill(values, v)
	if kind == metric.Counter {
		fillCounter(columns, values, v, l.Interval.Seconds())
	}
	for i, c := range columns {
		points = append(points, metric.Point{Path: []byte(c.prefix + name + c.suffix), Value: values[i]})
	}
	return points
}

// join puts dots between the parts of a path, and omits empty parts.
func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p = strings.Trim(p, "."); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ".")
}

func countsPrefix(prefix string) string {
	return cmp.Or(strings.TrimSuffix(prefix, "."), "stats") + "_counts"
}

// thresholdName returns the N of a name such as upper_N: 99_9 for 99.9, top10 for -10.
func (l *Layout) thresholdName(p float64) string {
	top := ""
	if p < 0 {
		top = "top"
	}
	if l.Naming == Gstatsd {
		p = math.Trunc(p)
	}
	return top + number(math.Abs(p))
}

// number formats a number for use in a path. It contains no dot, because a dot would begin a new
// path node.
func number(v float64) string {
	if math.IsInf(v, 1) {
		return "inf"
	}
	return strings.ReplaceAll(strconv.FormatFloat(v, 'f', -1, 64), ".", "_")
}
