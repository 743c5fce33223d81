package aggregate

import (
	"math"

	"github.com/statsd-ops/statsd/metric"
)

// collect fills s.collected with the values of one name. The records of the name are in s.sources.
// collect must be called before the name is summarised, because summarising reorders and merges the
// values. The value of a gauge is added after summarising.
func (s *summary) collect() {
	r, c := &s.row, &s.collected
	r.read(s.sources)
	*c = metric.Collected{
		Kind: r.Kind, Name: r.Name, Value: r.Value,
		Samples: r.Samples, Bins: c.Bins[:0], Weight: r.Weight, Millis: r.Millis,
		Members: r.Members,
	}
	if r.Kind == metric.Timer {
		s.collectTimer()
	}
}

func (s *summary) collectTimer() {
	c := &s.collected
	c.Lower, c.Upper = math.Inf(1), math.Inf(-1)
	if s.row.Sketch != nil {
		all := s.row.Sketch.restore()
		c.Lower, c.Upper, c.Sum = all.lower, all.upper, clamp(math.Ldexp(all.sum.value(), sumShift))
		all.eachBin(func(value, count float64) { c.Bins = append(c.Bins, metric.Bin{Value: value, Count: count}) })
	}
	for _, v := range c.Samples {
		c.Lower, c.Upper = min(c.Lower, v), max(c.Upper, v)
		c.Sum = clamp(c.Sum + v)
	}
}

// show passes the name that was just summarised to the interval's recorder.
func (s *summary) show(kind metric.Kind) {
	if kind == metric.Gauge {
		s.collected.Value = s.sources[0].rec.memory().value
	}
	s.Record(&s.collected)
}
