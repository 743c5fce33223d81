package prometheus

import (
	"math"
	"sort"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// unit converts a received value to the unit on the page. Milliseconds are converted to seconds, because
// Prometheus uses base units.
type unit struct {
	millis bool
	scale  float64
}

func (u unit) apply(v float64) float64 {
	if u.millis {
		v /= 1000
	}
	return clamp(v * u.scale)
}

// clamp limits a number to finite values. Sums and scaled values can overflow to infinity.
func clamp(v float64) float64 { return min(max(v, -math.MaxFloat64), math.MaxFloat64) }

// apply adds the collected values of a name to its series.
func (st *store) apply(c *metric.Collected, n *name) {
	number := n.series - 1
	s := &st.series[number]
	f := st.families[s.family]
	u := unit{c.Millis && c.Kind == metric.Timer, st.options(n.rule).Scale}
	if f.kind == Counter {
		if v := u.apply(c.Value); v < 0 {
			st.negative++
			if s.state == seriesHidden {
				return // the series has no value yet and stays hidden
			}
		} else {
			total := st.values.run(s.slot, 1)
			total[0] = clamp(total[0] + v)
		}
	}
	s.seen = st.tick
	first := s.state == seriesHidden
	if first {
		s.state = seriesShown
		f.entries, st.shown = append(f.entries, entry{s.labels, s.slot, number}), nil
	}
	switch {
	case f.kind == Gauge && c.Kind == metric.Set:
		st.observeSet(number, c.Members, u)
	case f.kind == Gauge:
		st.values.run(s.slot, 1)[0] = u.apply(c.Value)
	case f.kind == Summary:
		st.observeSummary(number, f, c, u)
	case f.kind == Histogram:
		observe(st.values.run(s.slot, f.width()), f, c, u)
		st.observeNative(number, st.options(n.rule), c, u, first)
	}
}

// weigh returns the number of events that each sample represents. All samples of an interval represent the same
// number.
func weigh(c *metric.Collected) float64 {
	received := c.Received()
	if received == 0 || c.Weight == received {
		return 1
	}
	return c.Weight / received
}

// observe adds samples to the sum and the buckets of a histogram.
func observe(values []float64, f *family, c *metric.Collected, u unit) {
	weight := weigh(c)
	values[0] = clamp(values[0] + u.apply(c.Sum)*weight)
	buckets := values[1:]
	for _, v := range c.Samples {
		buckets[sort.SearchFloat64s(f.bounds, u.apply(v))] += weight
	}
	for _, b := range c.Bins {
		buckets[sort.SearchFloat64s(f.bounds, u.apply(b.Value))] += b.Count * weight
	}
}

// observeSummary adds samples to the sum, the count and the time window of a summary.
func (st *store) observeSummary(number uint32, f *family, c *metric.Collected, u unit) {
	weight := weigh(c)
	values := st.values.run(st.series[number].slot, f.width())
	values[0] = clamp(values[0] + u.apply(c.Sum)*weight)
	values[1] = clamp(values[1] + c.Weight)
	w := st.windows[number]
	if w == nil {
		w = &window{series: number, parts: make([]part, f.parts), until: st.now.Add(f.maxAge / time.Duration(f.parts))}
		st.windows[number] = w
	}
	w.turn(st.now, f.maxAge)
	w.add(c, u, weight, &st.batch)
}

// turnWindows removes old samples from summaries, and computes the quantiles that have changed.
func (st *store) turnWindows() {
	for number, w := range st.windows {
		s := &st.series[number]
		f := st.families[s.family]
		left := w.turn(st.now, f.maxAge)
		if w.dirty {
			w.quantiles(f.quantiles, st.values.run(s.slot, f.width())[2:])
		}
		if !left {
			delete(st.windows, number)
		}
	}
}
