package aggregate

import (
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
)

// sketch stands for samples of a timer that are too many to keep: a DDSketch
// (C. Masson, J. Rim, H. Lee, "DDSketch: a fast and fully-mergeable quantile
// sketch with relative-error guarantees", 2019) for the percentiles, and what
// is exact besides. Even samples from all of float64's range take at most
// about 1 MB.
type sketch struct {
	bins         *ddsketch.DDSketch
	n            int
	lower, upper float64
	// The sum over 2^sumShift, so that it stays finite, and what rounding has
	// cost it; see mean.
	sum, rest float64
}

const (
	// sketchError is the relative error of a percentile.
	sketchError = 0.01
	sumShift    = 33
)

func newSketch() *sketch {
	// The only error is that of an error outside (0, 1).
	bins, _ := ddsketch.NewDefaultDDSketch(sketchError)
	return &sketch{bins: bins, lower: math.Inf(1), upper: math.Inf(-1)}
}

func (s *sketch) add(v float64) {
	// Beyond 1.26e308 float64 has magnitudes that have no bins of their own.
	most := s.bins.MaxIndexableValue()
	// So the only error is that of what is no number.
	_ = s.bins.Add(min(max(v, -most), most))
	s.n++
	s.lower, s.upper = min(s.lower, v), max(s.upper, v)
	s.addSum(math.Ldexp(v, -sumShift))
}

func (s *sketch) addSum(v float64) {
	next := s.sum + v
	part := next - s.sum
	s.rest += (s.sum - (next - part)) + (v - part)
	s.sum = next
}

// merge adds what o stands for.
func (s *sketch) merge(o *sketch) {
	// The only error is that of sketches of different kinds.
	_ = s.bins.MergeWith(o.bins)
	s.n += o.n
	s.lower, s.upper = min(s.lower, o.lower), max(s.upper, o.upper)
	s.addSum(o.sum)
	s.rest += o.rest
}

// summarize fills in what summarizeTimer does.
func (s *sketch) summarize(ranks []rank, values []float64) {
	mean := math.Ldexp((s.sum+s.rest)/float64(s.n), sumShift)
	values[0], values[1], values[2] = s.lower, s.upper, min(max(mean, s.lower), s.upper)
	for _, r := range ranks {
		values[r.column] = min(max(s.at(r.place(s.n)), s.lower), s.upper)
	}
}

// at returns about the k-th smallest sample, 0 <= k < n.
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
