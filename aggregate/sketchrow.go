package aggregate

import (
	"math"

	"github.com/statsd-ops/statsd/internal/logbins"
)

// Sketch represents the samples of a timer beyond the limit of stored samples: it has the bins of a
// DDSketch with a relative error of 1 %, and exact sums.
type Sketch struct {
	Count int
	// Negative and Positive are the bins of negative and positive samples. Their index grows with the
	// magnitude of the samples. Zero is the number of samples that are 0 or too close to 0 for a bin.
	Negative, Positive []SketchBin
	Zero               float64
	// Lower and Upper are the smallest and the greatest sample.
	Lower, Upper float64
	// Sum is the sum of the samples, divided by 2^33. Squares is the sum of their squares. Distances
	// is the sum of the squares of their distances from Origin. Each sum is a pair: a float64 and its
	// rounding error. Squares and Distances are not finite if samples are too large.
	Sum, Squares, Distances [2]float64
	Origin                  float64
}

// SketchBin is a bin of a sketch, with its number of samples.
type SketchBin struct {
	Index int32
	Count float64
}

// export returns a copy of the sketch for a row.
func (s *sketch) export() *Sketch {
	return &Sketch{
		Count:    s.n,
		Negative: exportBins(&s.negative),
		Positive: exportBins(&s.positive),
		Zero:     s.zero,
		Lower:    s.lower, Upper: s.upper,
		Sum: s.sum.export(), Squares: s.squares.export(), Distances: s.distances.export(),
		Origin: s.origin,
	}
}

func (s sum2) export() [2]float64 { return [2]float64{s.sum, s.rest} }

func exportBins(from *logbins.Counts) (bins []SketchBin) {
	for index, count := range from.All() {
		bins = append(bins, SketchBin{index, count})
	}
	return bins
}

// restore returns a sketch with the content of x.
func (x *Sketch) restore() *sketch {
	s := newSketch()
	for _, bin := range x.Negative {
		s.negative.Add(bin.Index, bin.Count)
	}
	for _, bin := range x.Positive {
		s.positive.Add(bin.Index, bin.Count)
	}
	s.zero = x.Zero
	s.n, s.lower, s.upper, s.origin = x.Count, x.Lower, x.Upper, x.Origin
	s.sum, s.squares, s.distances = sum2{x.Sum[0], x.Sum[1]}, sum2{x.Squares[0], x.Squares[1]}, sum2{x.Distances[0], x.Distances[1]}
	return s
}

// valid reports whether a table can have made x. It rejects bins with indexes out of range, because
// they would take a lot of memory.
func (x *Sketch) valid() bool {
	sum := x.Zero
	for _, bins := range [][]SketchBin{x.Negative, x.Positive} {
		for _, bin := range bins {
			if !(bin.Count > 0) || bin.Index < logbins.First || bin.Index > logbins.Last {
				return false
			}
			sum += bin.Count
		}
	}
	return x.Zero >= 0 && x.Count > 0 && x.Count <= math.MaxInt32 && sum == float64(x.Count) &&
		finite(x.Lower, x.Upper, x.Origin, x.Sum[0], x.Sum[1]) && x.Lower <= x.Upper
}
