package aggregate

import (
	"math"
	"math/bits"
	"slices"
)

// timing holds the values computed from the samples of a timer.
type timing struct {
	received     int
	weight       float64
	lower, upper float64
	mean, sum    float64
	squares, std float64
	median       float64
	parts        []part    // one for each threshold
	bins         []float64 // numbers of samples in the bins of a histogram

	sizes  []int // number of samples in each part
	places []int // the ranks whose samples are needed
}

// part holds the values of the samples inside a threshold. The values are NaN if there are no
// samples inside.
type part struct{ count, bound, mean, sum, squares float64 }

var nothing = part{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}

func newTiming(thresholds int) timing {
	return timing{parts: make([]part, thresholds), sizes: make([]int, thresholds)}
}

// threshold is a percentile threshold, prepared for use.
type threshold struct {
	percent float64 // greater than 0
	top     bool    // whether the threshold selects the greatest samples instead of the smallest
	first   bool    // whether percent is divided by 100 before it is multiplied, as in Etsy's statsd and gstatsd
	none    bool    // whether the threshold may select no samples, as in Etsy's statsd
}

func newThresholds(l *Layout) (ts []threshold) {
	for _, p := range l.Percentiles {
		t := threshold{percent: math.Abs(p), top: p < 0}
		t.first = l.Naming != Reference
		t.none = l.Naming == Etsy || l.Naming == EtsyLegacy
		ts = append(ts, t)
	}
	return ts
}

// size returns how many of n samples are inside the threshold: percent/100 * n, rounded half away
// from zero. The result is at least one, unless the field none is set.
func (t *threshold) size(n int) int {
	share := t.percent * float64(n) / 100
	if t.first {
		share = t.percent / 100 * float64(n) // the order of the division and the multiplication affects rounding
	}
	k := int(math.Round(share))
	if k == 0 && n > 1 && t.none {
		return 0
	}
	return min(max(k, 1), n)
}

// bound returns the index of the sample at the edge of the threshold. The parameter k is the number of samples inside
// the threshold, and n is the number of all samples, which are sorted. The sample at the edge is the greatest of the k
// samples, or the smallest if the field top is set.
func (t *threshold) bound(k, n int) int {
	if t.top {
		return n - k
	}
	return k - 1
}

// wants says which values of a timing must be computed.
type wants struct{ squares, std, median, parts, partSquares bool }

// summarize computes a timing from samples. There must be at least one sample. It reorders the
// samples.
func (t *timing) summarize(samples []float64, p *program) {
	n := len(samples)
	lower, upper := samples[0], samples[0]
	var sum sum2
	for _, v := range samples {
		lower, upper = min(lower, v), max(upper, v)
		sum = sum.plus(v)
	}
	t.received, t.lower, t.upper = n, lower, upper
	t.sum, t.mean = sum.of(samples)
	if p.wants.squares {
		t.squares = sumOfSquares(samples)
	}
	if p.wants.std {
		t.std = deviation(samples, t.mean)
	}
	t.sortPlaces(samples, p)
	if p.wants.median {
		t.median = samples[(n-1)/2]/2 + samples[n/2]/2
	}
	for i, k := range t.sizes {
		if k == 0 {
			t.parts[i] = nothing
			continue
		}
		at, inside := p.thresholds[i].bound(k, n), samples[:k]
		if p.thresholds[i].top {
			inside = samples[at:]
		}
		part := &t.parts[i]
		part.count, part.bound = float64(k), samples[at]
		if p.wants.parts {
			part.sum, part.mean = sumAndMean(inside)
		}
		if p.wants.partSquares {
			part.squares = sumOfSquares(inside)
		}
	}
}

// lone gives the same result as the function summarize for one sample with a weight of 1.
func (t *timing) lone(v float64) {
	sum, squares := sum2{}.plus(v).value(), clampSquares(sum2{}.plus(v*v).value())
	t.received, t.weight, t.lower, t.upper = 1, 1, v, v
	t.mean, t.sum, t.squares, t.std, t.median = sum, sum, squares, 0, v/2+v/2
	for i := range t.parts {
		t.parts[i] = part{count: 1, bound: v, mean: sum, sum: sum, squares: squares}
	}
}

// sortPlaces reorders the samples so that each needed rank holds the right sample: no sample before
// it is greater, and no sample after it is smaller.
func (t *timing) sortPlaces(samples []float64, p *program) {
	n := len(samples)
	t.places = t.places[:0]
	for i := range p.thresholds {
		th := &p.thresholds[i]
		k := th.size(n)
		t.sizes[i] = k
		if k > 0 {
			t.places = append(t.places, th.bound(k, n))
		}
	}
	if p.wants.median {
		t.places = append(t.places, (n-1)/2, n/2)
	}
	if len(t.places) > 1 {
		slices.Sort(t.places)
	}
	done := 0 // samples[:done] contains no sample that is greater than a sample after it
	for _, k := range t.places {
		if k >= done {
			selectRank(samples[done:], k-done)
			done = k + 1
		}
	}
}

// count counts the samples in the bins of a histogram.
func (t *timing) count(samples []float64, h *Histogram) {
	t.bins = slices.Grow(t.bins[:0], len(h.Bounds))[:len(h.Bounds)]
	clear(t.bins)
	for _, v := range samples {
		if i := h.bin(v); i < len(t.bins) {
			t.bins[i]++
		}
	}
}

// selectRank reorders a so that a[k] is the sample of rank k: no sample before it is greater, and
// no sample after it is smaller. If partitioning makes no progress, it sorts a.
func selectRank(a []float64, k int) {
	const few = 24
	for budget := 2 * bits.Len(uint(len(a))); len(a) > few; budget-- {
		if budget == 0 {
			break
		}
		// The samples between the indexes less and greater are equal to the pivot.
		less, greater := partition(a, medianOfThree(a))
		switch {
		case k < less:
			a = a[:less]
		case k >= greater:
			a, k = a[greater:], k-greater
		default:
			return
		}
	}
	slices.Sort(a)
}

func medianOfThree(a []float64) float64 {
	x, y, z := a[0], a[len(a)/2], a[len(a)-1]
	return max(min(x, y), min(max(x, y), z))
}

// partition reorders a into three parts: the samples less than, equal to and greater than the
// pivot. It returns the indexes at which the second and the third part start.
func partition(a []float64, pivot float64) (less, greater int) {
	greater = len(a)
	for i := 0; i < greater; {
		switch v := a[i]; {
		case v < pivot:
			a[i], a[less] = a[less], v
			less++
			i++
		case v > pivot:
			greater--
			a[i], a[greater] = a[greater], v
		default:
			i++
		}
	}
	return less, greater
}
