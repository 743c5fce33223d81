package aggregate

import (
	"cmp"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
)

// sketch represents the samples of a timer beyond the limit of stored samples. Percentiles, the sums and means inside a
// threshold, and the counts of histogram bins are estimated with a DDSketch (C. Masson, J. Rim, H. Lee, "DDSketch: a
// fast and fully-mergeable quantile sketch with relative-error guarantees", 2019). All other values are exact. A sketch
// takes at most about 1 MB, even if the samples cover the whole range of float64.
type sketch struct {
	bins         *ddsketch.DDSketch
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

const (
	// sketchError is the relative error of a percentile.
	sketchError = 0.01
	sumShift    = 33
)

func newSketch() *sketch {
	// The constructor fails only if the relative error is outside (0, 1).
	bins, _ := ddsketch.NewDefaultDDSketch(sketchError)
	return &sketch{bins: bins, lower: math.Inf(1), upper: math.Inf(-1)}
}

func (s *sketch) add(v float64) {
	// The DDSketch has no bins for values above 1.26e308.
	limit := s.bins.MaxIndexableValue()
	// With this limit, Add fails only for NaN, which is no valid sample.
	_ = s.bins.Add(min(max(v, -limit), limit))
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
	// MergeWith fails only for sketches with different mappings.
	_ = s.bins.MergeWith(o.bins)
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
	off := s.meanDistance()
	t.std = math.Sqrt(max(clampSquares(s.distances.value())/float64(s.n)-off*off, 0))
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
		sum.add(math.Ldexp(b.value*n, -sumShift))
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

// sorted returns the bins of the sketch, in ascending order of their values.
func (s *sketch) sorted() (all []bin) {
	s.bins.ForEach(func(v, n float64) bool {
		all = append(all, bin{min(max(v, s.lower), s.upper), n})
		return false
	})
	slices.SortFunc(all, func(a, b bin) int { return cmp.Compare(a.value, b.value) })
	return all
}

// at returns approximately the k-th smallest sample, 0 <= k < n.
func (s *sketch) at(k int) float64 {
	negative, positive := s.bins.GetNegativeValueStore(), s.bins.GetPositiveValueStore()
	below, zeroes := negative.TotalCount(), s.bins.GetZeroCount()
	switch at := float64(k); {
	case at < below:
		return -s.bins.Value(negative.KeyAtRank(below - 1 - at))
	case at < below+zeroes:
		return 0
	default:
		return s.bins.Value(positive.KeyAtRank(at - below - zeroes))
	}
}
