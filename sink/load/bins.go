package load

import (
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch/mapping"

	"github.com/statsd-ops/statsd/metric"
)

// bin is the number of samples whose values are within 1 % of each other. It is a bin of a DDSketch (C. Masson, J. Rim,
// H. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", 2019). Each bin has a
// key. A bin with greater values has a greater key. The bin for zero has the key 0, and bins for negative values have
// negative keys.
type bin struct {
	key   int32
	count uint64
}

// binning maps a value to its bin in the same way as the sketches of package aggregate.
type binning struct {
	*mapping.LogarithmicMapping
	// The bins cover the absolute values from smallest to greatest. A smaller absolute value belongs
	// to the bin for zero, and a greater one belongs to the last bin.
	smallest, greatest float64
	shift              int // offset that gives the smallest absolute value the key 1
}

// percentileError is the maximum relative error of a percentile.
const percentileError = 0.01

func newBinning() binning {
	// NewLogarithmicMapping fails only if the accuracy is not between 0 and 1.
	m, _ := mapping.NewLogarithmicMapping(percentileError)
	return binning{m, m.MinIndexableValue(), m.MaxIndexableValue(), 1 - m.Index(m.MinIndexableValue())}
}

func (b binning) key(v float64) int32 {
	switch size := math.Abs(v); {
	case size < b.smallest:
		return 0
	case v < 0:
		return -int32(b.Index(min(size, b.greatest)) + b.shift)
	default:
		return int32(b.Index(min(size, b.greatest)) + b.shift)
	}
}

func (b binning) value(key int32) float64 {
	switch {
	case key == 0:
		return 0
	case key < 0:
		return -b.Value(int(-key) - b.shift)
	default:
		return b.Value(int(key) - b.shift)
	}
}

// sorter puts samples into bins.
type sorter struct {
	binning
	counts []uint64 // between two uses, all elements are 0
	keys   []int32
}

// sort appends the bins for a timer's samples to dst.
func (s *sorter) sort(dst []bin, c *metric.Collected) []bin {
	if len(c.Bins) == 0 && len(c.Samples) == 1 {
		return append(dst, bin{s.key(c.Samples[0]), 1})
	}
	first := s.key(c.Lower)
	width := int(s.key(c.Upper)-first) + 1
	if few := len(c.Samples) + len(c.Bins); width > 8*few && len(c.Bins) == 0 {
		return s.sortFew(dst, c.Samples)
	}
	// The flush may already have put the samples into bins. The value of such a bin is inexact, so its key can be one
	// less than the key of Lower, or one greater than the key of Upper.
	first, width = first-1, width+2
	if len(s.counts) < width {
		s.counts = make([]uint64, width)
	}
	for _, v := range c.Samples {
		s.counts[s.key(v)-first]++
	}
	for _, b := range c.Bins {
		at := min(max(s.key(b.Value)-first, 0), int32(width-1))
		s.counts[at] += uint64(b.Count)
	}
	for i, n := range s.counts[:width] {
		if n > 0 {
			dst = append(dst, bin{first + int32(i), n})
			s.counts[i] = 0
		}
	}
	return dst
}

// sortFew does the same as sort, but is faster for a few samples: it does not visit all bins between the lowest
// and the highest value.
func (s *sorter) sortFew(dst []bin, samples []float64) []bin {
	s.keys = s.keys[:0]
	for _, v := range samples {
		s.keys = append(s.keys, s.key(v))
	}
	slices.Sort(s.keys)
	for i, key := range s.keys {
		if i > 0 && key == s.keys[i-1] {
			dst[len(dst)-1].count++
			continue
		}
		dst = append(dst, bin{key, 1})
	}
	return dst
}

// atRank returns approximately the sample with the given rank, counted from the smallest. The smallest and the
// largest sample are exact.
func (b binning) atRank(t *totals, rank uint64) float64 {
	if rank == 1 {
		return t.lower
	}
	for i, bin := range t.bins {
		if bin.count < rank {
			rank -= bin.count
		} else if i < len(t.bins)-1 || rank < bin.count {
			return min(max(b.value(bin.key), t.lower), t.upper)
		}
	}
	return t.upper
}
