package aggregate

import (
	"math"

	"github.com/statsd-ops/statsd/metric"
)

// maxExpScale is the finest scale of exponential bins. To get the index of a sample's bin at a
// coarser scale, shift the index at this scale right by the difference of the scales.
const maxExpScale = 20

// expIndex returns the index of the bin of v at maxExpScale. v must be positive. The bounds at
// powers of two are exact. The other bounds may be wrong by a rounding error.
func expIndex(v float64) int {
	fraction, exponent := math.Frexp(v) // v = fraction * 2^exponent, 0.5 <= fraction < 1
	within := math.Ceil(math.Log2(2*fraction) * (1 << maxExpScale))
	return (exponent-1)<<maxExpScale + int(within) - 1
}

// expBuilder counts samples in exponential bins. The caller calls the method cover for each sample,
// then the method begin once, then the method add for each sample.
type expBuilder struct {
	most               int // maximum number of bins on each side of 0
	to                 *metric.Distribution
	positive, negative expRange
	coarser            int // difference between maxExpScale and the scale of the bins
}

// expRange holds the lowest and the highest index of the bins on one side of 0.
type expRange struct {
	low, high int
	some      bool // whether a sample is on this side of 0
}

func (r *expRange) cover(index int) {
	if !r.some {
		*r = expRange{index, index, true}
		return
	}
	r.low, r.high = min(r.low, index), max(r.high, index)
}

// bins returns the number of bins for the range. coarser is the difference between maxExpScale and
// the scale of the bins.
func (r *expRange) bins(coarser int) int {
	if !r.some {
		return 0
	}
	return r.high>>coarser - r.low>>coarser + 1
}

func (r *expRange) begin(bins *metric.ExpBins, coarser int) {
	if n := r.bins(coarser); n > 0 {
		bins.Offset, bins.Counts = r.low>>coarser, make([]float64, n)
	}
}

// cover extends the ranges so that they include a sample.
func (b *expBuilder) cover(v, _ float64) {
	switch {
	case v > 0:
		b.positive.cover(expIndex(v))
	case v < 0:
		b.negative.cover(expIndex(-v))
	}
}

// begin chooses the finest scale that needs at most the maximum number of bins, and allocates the
// bins.
func (b *expBuilder) begin(d *metric.Distribution) {
	b.to = d
	for b.positive.bins(b.coarser) > b.most || b.negative.bins(b.coarser) > b.most {
		b.coarser++
	}
	d.Scale = maxExpScale - b.coarser
	b.positive.begin(&d.Positive, b.coarser)
	b.negative.begin(&d.Negative, b.coarser)
}

// add counts n samples with the value v.
func (b *expBuilder) add(v, n float64) {
	switch d := b.to; {
	case v > 0:
		d.Positive.Counts[expIndex(v)>>b.coarser-d.Positive.Offset] += n
	case v < 0:
		d.Negative.Counts[expIndex(-v)>>b.coarser-d.Negative.Offset] += n
	default:
		d.Zero += n
	}
}

// distribution returns the distribution of the samples of the timer that was just summarised. If
// the timer has a sketch, the samples are in s.merged, otherwise they are in s.samples.
func (s *summary) distribution(off int) *metric.Distribution {
	t := &s.timing
	share := t.weight / float64(t.received)
	d := &metric.Distribution{Count: t.weight, Sum: clamp(t.sum * share), Lower: t.lower, Upper: t.upper}
	for _, from := range s.sources {
		_, millis := timerWeight(from.rec, off)
		d.Millis = d.Millis || millis
	}
	each := s.eachSample
	if s.merged != nil {
		each = s.merged.eachBin
	}
	b := expBuilder{most: s.program.ExpBins}
	each(b.cover)
	b.begin(d)
	each(func(v, n float64) { b.add(v, n*share) })
	return d
}

// eachSample calls visit with each of s.samples.
func (s *summary) eachSample(visit func(v, n float64)) {
	for _, v := range s.samples {
		visit(v, 1)
	}
}
