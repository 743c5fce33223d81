package load

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// window is a range of minutes in a view.
type window struct {
	series   []series
	segments []*segment
	frame    int64 // start of the incomplete minute, in Unix seconds
	minutes  int   // number of minutes in the window for which there is history
}

// lateFlush is the time for which a minute counts as incomplete after its end, because its last flush may still
// be running.
const lateFlush = 5 * time.Second

// current returns the incomplete minute.
func (v *view) current(now time.Time) int64 {
	minute := floorMinute(now)
	began := time.Unix(minute*60, 0)
	if v.end.Before(began) && now.Sub(began) < lateFlush {
		minute--
	}
	return max(minute, v.minute)
}

// kept returns the number of minutes for which there is history, up to and including the given
// minute.
func (v *view) kept(last int64) int { return max(0, int(last-v.since)+1) }

// window returns the last n minutes. If the parameter complete is false, the last of them is the
// incomplete minute.
func (v *view) window(n int, complete bool, now time.Time) window {
	last := v.current(now)
	w := window{series: v.series, frame: last * 60}
	if complete {
		last--
	}
	first := last - int64(n) + 1
	w.minutes = min(n, v.kept(last))
	for _, s := range v.segments {
		if first <= s.minute && s.minute <= last {
			w.segments = append(w.segments, s)
		}
	}
	return w
}

// shape determines which values of a window are shown.
type shape struct {
	prefix     string // prefix and the dot after it
	thresholds []threshold
	wanted     func(series) bool
}

// threshold is a percentile, with the suffix for its values. A negative percentile means the largest samples: -90 means
// the largest 90 % of the samples.
type threshold struct {
	percent float64
	suffix  string
}

// rank returns the rank of the threshold's sample among n samples. The smallest sample has rank 1.
func (t threshold) rank(n uint64) uint64 {
	k := min(max(1, uint64(math.Round(math.Abs(t.percent)*float64(n)/100))), n)
	if t.percent < 0 {
		return n - k + 1
	}
	return k
}

func newThresholds(percentiles []float64) []threshold {
	var all []threshold
	for _, p := range percentiles {
		what := ".upper_"
		if p < 0 {
			what = ".lower_top"
		}
		all = append(all, threshold{p, what + strings.ReplaceAll(strconv.FormatFloat(math.Abs(p), 'f', -1, 64), ".", "_")})
	}
	return all
}

// folders are the path prefixes for the kinds of metrics. The prefixes for counters and timers are the same as in
// gstatsd.
var folders = [metric.Kinds]string{metric.Gauge: "stats.gauges.", metric.Timer: "stats.timers.", metric.Set: "stats.sets."}

// points yields the points of the window. A key is valid until the next call of yield.
func (w *window) points(s *shape, yield func(key []byte, value float64) bool) {
	var key []byte
	merge(w.series, w.segments, s.wanted, func(number uint32, t *totals) bool {
		name := w.series[number]
		base, tags := name.name, ""
		if i := strings.IndexByte(base, ';'); i >= 0 {
			base, tags = base[:i], base[i:]
		}
		key = append(append(append(key[:0], folders[name.kind]...), s.prefix...), base...)
		n := len(key)
		return s.values(name.kind, t, func(suffix string, value float64) bool {
			key = append(append(key[:n], suffix...), tags...)
			return yield(key, value)
		})
	})
}

// values yields the values that a response shows for one name, each with the suffix of its key.
func (s *shape) values(kind metric.Kind, t *totals, yield func(suffix string, value float64) bool) bool {
	switch kind {
	case metric.Timer:
		return s.timer(t, yield)
	case metric.Set:
		return yield("", t.distinct())
	default:
		return yield("", t.value)
	}
}

func (s *shape) timer(t *totals, yield func(string, float64) bool) bool {
	received := uint64(0)
	for _, b := range t.bins {
		received += b.count
	}
	mean := min(max(t.sum/float64(received), t.lower), t.upper)
	if !yield(".count", t.weight) || !yield(".lower", t.lower) || !yield(".mean", mean) || !yield(".sum", t.sum) || !yield(".upper", t.upper) {
		return false
	}
	for _, th := range s.thresholds {
		if !yield(th.suffix, t.atRank(th.rank(received))) {
			return false
		}
	}
	return true
}
