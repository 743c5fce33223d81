package aggregate

import (
	"cmp"
	"math"
	"slices"

	"github.com/statsd-ops/statsd/internal/logbins"
)

// sketch represents the samples of a timer beyond the limit of stored samples. Percentiles, the sums and means inside a
// threshold, and the counts of histogram bins are estimated with a DDSketch (see package logbins). All other values are
// exact. A sketch takes at most 1.2 MB, even if the samples cover the whole range of float64.
type sketch struct {
	// negative and positive have the bins of the absolute values. zero is the number of samples that are 0 or too close
	// to 0 for a bin.
	negative, positive logbins.Counts
	zero               float64

	n            int
	lower, upper float64
	sum          sum2 // divided by 2^sumShift, so that it does not overflow
	squares      sum2
	// For the standard deviation: the sum of the squared distances of the samples from origin. The
	// origin is the first sample. The sum is precise even if the samples are far from 0 and close to
	// each other.
	origin    float64
	distances sum2
}

const sumShift = 33

func newSketch() *sketch {
	return &sketch{lower: math.Inf(1), upper: math.Inf(-1)}
}

func (s *sketch) add(v float64) {
	switch {
	case logbins.IsZero(v):
		s.zero++
	case v < 0:
		s.negative.Add(logbins.Index(-v), 1)
	default:
		s.positive.Add(logbins.Index(v), 1)
	}
	if s.n == 0 {
		s.origin = v
	}
	s.n++
	s.lower, s.upper = min(s.lower, v), max(s.upper, v)
	s.sum.add(math.Ldexp(v, -sumShift))
	s.squares.add(v * v)
	s.distances.add((v - s.origin) * (v - s.origin))
}

// merge adds the samples of the sketch o to s.
func (s *sketch) merge(o *sketch) {
	s.negative.Merge(&o.negative)
	s.positive.Merge(&o.positive)
	s.zero += o.zero
	// o.distances is the sum of the squared distances from o's origin. Convert it to the sum of the squared distances from
	// the origin of s.
	n, shift := float64(o.n), o.origin-s.origin
	s.distances.merge(o.distances)
	s.distances.add(2 * shift * n * o.meanDistance())
	s.distances.add(shift * shift * n)
	s.n += o.n
	s.lower, s.upper = min(s.lower, o.lower), max(s.upper, o.upper)
	s.sum.merge(o.sum)
	s.squares.merge(o.squares)
}

func (s *sketch) mean() float64 {
	mean := math.Ldexp(s.sum.value()/float64(s.n), sumShift)
	return min(max(mean, s.lower), s.upper)
}

// meanDistance returns the difference between the mean and the origin. It is precise even if they
// are close to each other.
func (s *sketch) meanDistance() float64 {
	n := float64(s.n)
	return math.Ldexp((math.FMA(-n, math.Ldexp(s.origin, -sumShift), s.sum.sum)+s.sum.rest)/n, sumShift)
}

// summarize computes the values of t from the sketch. The median, and all values of a threshold except the count, are
// estimates. All other values are exact.
func (s *sketch) summarize(t *timing, p *program) {
	t.received, t.lower, t.upper, t.mean = s.n, s.lower, s.upper, s.mean()
	t.sum = clamp(math.Ldexp(s.sum.value(), sumShift))
	t.squares = clampSquares(s.squares.value())
	t.std = s.deviation()
	if p.wants.median {
		t.median = s.between((s.n-1)/2)/2 + s.between(s.n/2)/2
	}
	for i, th := range p.thresholds {
		k := th.size(s.n)
		if k == 0 {
			t.parts[i] = nothing
			continue
		}
		t.parts[i] = part{count: float64(k), bound: s.between(th.bound(k, s.n))}
		if p.wants.parts || p.wants.partSquares {
			s.addPart(&t.parts[i], th.top)
		}
	}
}

// deviation returns the population standard deviation. If the squared distances exceed the range of float64, the result
// is an estimate.
func (s *sketch) deviation() float64 {
	n := float64(s.n)
	if distances := s.distances.value(); distances-distances == 0 {
		off := s.meanDistance()
		return math.Sqrt(max(distances/n-off*off, 0))
	}
	scale := max(math.Abs(s.lower), math.Abs(s.upper))
	mean := s.mean() / scale
	var squares sum2
	for _, b := range s.sorted() {
		d := b.value/scale - mean
		squares.add(d * d * b.n)
	}
	return math.Sqrt(squares.value()/n) * scale
}

// between returns approximately the k-th smallest sample. The result is never outside the range of
// the samples.
func (s *sketch) between(k int) float64 { return min(max(s.at(k), s.lower), s.upper) }

// addPart computes the sums of the p.count smallest samples, or of the p.count greatest samples if
// the parameter top is true.
func (s *sketch) addPart(p *part, top bool) {
	var sum, squares sum2
	left := p.count
	all := s.sorted()
	if top {
		slices.Reverse(all)
	}
	for _, b := range all {
		n := min(b.n, left)
		sum.add(math.Ldexp(b.value, -sumShift) * n)
		squares.add(b.value * b.value * n)
		if left -= n; left <= 0 {
			break
		}
	}
	p.mean = clamp(math.Ldexp(sum.value()/p.count, sumShift))
	p.sum = clamp(math.Ldexp(sum.value(), sumShift))
	p.squares = clampSquares(squares.value())
}

// count estimates the numbers of samples in the bins of a histogram.
func (s *sketch) count(t *timing, h *Histogram) {
	t.count(nil, h)
	for _, b := range s.sorted() {
		if i := h.bin(b.value); i < len(t.bins) {
			t.bins[i] += b.n
		}
	}
}

// bin represents approximately n samples with the same value.
type bin struct{ value, n float64 }

// eachBin calls visit with the value and the count of each bin of the sketch.
func (s *sketch) eachBin(visit func(v, n float64)) {
	for index, n := range s.negative.All() {
		visit(-logbins.Value(index), n)
	}
	if s.zero > 0 {
		visit(0, s.zero)
	}
	for index, n := range s.positive.All() {
		visit(logbins.Value(index), n)
	}
}

// sorted returns the bins of the sketch, in ascending order of their values.
func (s *sketch) sorted() (all []bin) {
	s.eachBin(func(v, n float64) { all = append(all, bin{min(max(v, s.lower), s.upper), n}) })
	slices.SortFunc(all, func(a, b bin) int { return cmp.Compare(a.value, b.value) })
	return all
}

// at returns approximately the k-th smallest sample, 0 <= k < n.
func (s *sketch) at(k int) float64 {
	below := s.negative.Total()
	switch at := float64(k); {
	case at < below:
		return -logbins.Value(s.negative.AtRank(below - 1 - at))
	case at < below+s.zero:
		return 0
	default:
		return logbins.Value(s.positive.AtRank(at - below - s.zero))
	}
}
