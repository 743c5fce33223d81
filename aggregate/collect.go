package aggregate

import (
	"math"

	"github.com/statsd-ops/statsd/metric"
)

// collect gathers what the name whose records are s.sources has collected. It
// reads records only, and comes before the name is summarised, which reorders
// and merges; a gauge's value is added afterwards.
func (s *summary) collect(kind metric.Kind) {
	c := &s.collected
	first := s.sources[0]
	*c = metric.Collected{
		Kind:    kind,
		Name:    first.rec.name(),
		Samples: c.Samples[:0],
		Bins:    c.Bins[:0],
		Members: c.Members[:0],
	}
	off := cell(kind, first.view.flush)
	switch kind {
	case metric.Counter:
		for _, from := range s.sources {
			c.Value = clamp(c.Value + math.Float64frombits(from.rec.word(off)))
		}
	case metric.Timer:
		s.collectTimer(off)
	case metric.Set:
		for _, from := range s.sources {
			for _, hash := range setTable(from.view.blocks, from.rec, off) {
				if hash != 0 {
					c.Members = append(c.Members, hash)
				}
			}
		}
	}
}

func (s *summary) collectTimer(off int) {
	c := &s.collected
	c.Lower, c.Upper = math.Inf(1), math.Inf(-1)
	for _, from := range s.sources {
		var weight float64
		c.Samples, weight = appendSamples(c.Samples, from.view.blocks, from.rec, off)
		c.Weight = clamp(c.Weight + weight)
		sk := sketchOf(from.view.blocks, from.rec, off)
		if sk == nil {
			continue
		}
		c.Lower, c.Upper = min(c.Lower, sk.lower), max(c.Upper, sk.upper)
		c.Sum = clamp(c.Sum + math.Ldexp(sk.sum.value(), sumShift))
		sk.bins.ForEach(func(value, count float64) bool {
			c.Bins = append(c.Bins, metric.Bin{Value: value, Count: count})
			return false
		})
	}
	for _, v := range c.Samples {
		c.Lower, c.Upper = min(c.Lower, v), max(c.Upper, v)
		c.Sum = clamp(c.Sum + v)
	}
}

// show lets the interval's recorders see the name just summarised.
func (s *summary) show(kind metric.Kind) {
	if kind == metric.Gauge {
		s.collected.Value = math.Float64frombits(s.sources[0].rec.word(gaugeMemory))
	}
	s.Record(&s.collected)
}
