package aggregate

import (
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// program is a Layout prepared for use in flushes.
type program struct {
	Layout
	// shapes are the possible sets of columns of a row. There is a shape for the names of each kind,
	// for names of each kind without samples, for timers with one sample, and for timers with each of
	// the histograms.
	shapes     [][]column
	thresholds []threshold
	wants      wants
	seconds    float64 // the flush interval in seconds
	// paths are all columns that names of a kind can have, including the columns of histograms.
	paths [metric.Kinds][]column
	// meets says whether equal names of two kinds have a common path.
	meets [metric.Kinds][metric.Kinds]bool
	// nests describe how different names of two kinds can have the same path, for example timer a and
	// counter a.mean.
	nests [metric.Kinds][]nest
	// nestBegins says for each byte whether a name that the field nests describes can begin with the
	// byte. This quickly excludes most names.
	nestBegins [metric.Kinds][256]bool
}

// These are indexes of program.shapes. An index below idleShapes is a kind: the shape is for the names of this kind.
const (
	idleShapes      = int(metric.Kinds)     // first shape for names without samples: add the kind
	loneShape       = 2 * int(metric.Kinds) // shape for timers with one sample
	histogramShapes = loneShape + 1         // first shape for timers with a histogram: add the index of the histogram
)

// width returns the number of values that a row of a shape stores.
func (p *program) width(shape int) int {
	if shape == loneShape {
		return 1 // only the sample is stored; the other values are computed from it
	}
	return len(p.shapes[shape])
}

func compile(l Layout) *program {
	p := &program{Layout: l, thresholds: newThresholds(&l), seconds: l.Interval.Seconds()}
	for kind := range metric.Kind(metric.Kinds) {
		p.shapes = append(p.shapes, l.columns(kind))
	}
	for kind := range metric.Kind(metric.Kinds) {
		p.shapes = append(p.shapes, l.idleColumns(kind))
	}
	timer := p.shapes[metric.Timer]
	p.shapes = append(p.shapes, slices.Clone(timer))
	for _, h := range l.Histograms {
		p.shapes = append(p.shapes, append(slices.Clone(timer), l.histogramColumns(h)...))
	}
	for _, columns := range p.shapes {
		for i := range columns {
			columns[i].newPrefix = i == 0 || columns[i].prefix != columns[i-1].prefix
		}
	}
	for _, c := range timer {
		p.wants.add(c.stat)
	}
	copy(p.paths[:], p.shapes)
	for _, h := range l.Histograms {
		p.paths[metric.Timer] = slices.Concat(p.paths[metric.Timer], l.histogramColumns(h))
	}
	for k, a := range p.paths {
		for m, b := range p.paths {
			if k != m {
				p.meets[k][m] = meet(a, b)
				p.addNests(metric.Kind(k), newNests(metric.Kind(m), a, b))
			}
		}
	}
	return p
}

// add notes which values must be computed for a column with the stat s.
func (w *wants) add(s stat) {
	switch s {
	case ofSquares:
		w.squares = true
	case ofStd:
		w.std = true
	case ofMedian:
		w.median = true
	case ofPartMean, ofPartSum:
		w.parts = true
	case ofPartSquares:
		w.partSquares = true
	}
}

// meet reports whether two kinds have a common path for equal names. a and b are the columns of the
// two kinds.
func meet(a, b []column) bool {
	for _, c := range a {
		for _, d := range b {
			if c.prefix == d.prefix && c.suffix == d.suffix {
				return true
			}
		}
	}
	return false
}

// idles reports whether a name without samples is still published. kind is the kind of the name, and age is the number
// of flushes since its last sample. The name must not have expired.
func (p *program) idles(kind metric.Kind, age uint32) bool {
	if kind == metric.Gauge {
		return p.KeepGauges && (p.GaugeFlushes == 0 || int(age) < p.GaugeFlushes)
	}
	return p.IdleZeros
}

// timerShape returns the shape of a timer with several samples.
func (p *program) timerShape(name []byte) int {
	for i := range p.Histograms {
		if p.Histograms[i].fits(name) {
			return histogramShapes + i
		}
	}
	return int(metric.Timer)
}

// timerShape returns the shape of the timer whose records are s.sources. rec is the first record.
func (s *summary) timerShape(rec record) int {
	shape := s.program.timerShape(rec.name())
	if shape == int(metric.Timer) && !s.program.Rows && len(s.sources) == 1 &&
		isSingle(rec.word(cell(metric.Timer, s.sources[0].view.flush)+8)) {
		return loneShape
	}
	return shape
}

// histogram returns the histogram of a timer's shape, or nil if there is none.
func (p *program) histogram(shape int) *Histogram {
	if shape < histogramShapes {
		return nil
	}
	return &p.Histograms[shape-histogramShapes]
}

func fill(values []float64, v float64) {
	for i := range values {
		values[i] = v
	}
}

// fillCounter sets the values of a counter's columns to its sum or its rate.
func fillCounter(columns []column, values []float64, sum, seconds float64) {
	for i := range columns {
		values[i] = sum
		if columns[i].stat == ofRate {
			values[i] = clamp(sum / seconds) // the rate is greater than the sum if seconds is less than one, and may overflow
		}
	}
}

// fill sets the values of the columns. It returns the number of columns that have no value.
func (t *timing) fill(columns []column, values []float64, seconds float64) (none int) {
	for i := range columns {
		c := &columns[i]
		v := 0.0
		switch c.stat {
		case ofLower:
			v = t.lower
		case ofUpper:
			v = t.upper
		case ofMean:
			v = t.mean
		case ofCount:
			v = t.weight
		case ofCountPS:
			v = clamp(t.weight / seconds)
		case ofReceived:
			v = float64(t.received)
		case ofSum:
			v = t.sum
		case ofSquares:
			v = t.squares
		case ofStd:
			v = t.std
		case ofMedian:
			v = t.median
		case ofBin:
			v = t.bins[c.part]
		case ofBound:
			v = t.parts[c.part].bound
		case ofPartMean:
			v = t.parts[c.part].mean
		case ofPartSum:
			v = t.parts[c.part].sum
		case ofPartCount:
			v = t.parts[c.part].count
		case ofPartSquares:
			v = t.parts[c.part].squares
		}
		values[i] = v
		if v != v {
			none++
		}
	}
	return none
}
