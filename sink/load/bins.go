package load

import (
	"slices"

	"github.com/statsd-ops/statsd/internal/logbins"
	"github.com/statsd-ops/statsd/metric"
)

// bin is the number of samples whose values are within 1 % of each other. It is a bin of package logbins, with a key
// instead of an index. A bin with greater values has a greater key. The bin for zero has the key 0, and bins for
// negative values have negative keys.
type bin struct {
	key   int32
	count uint64
}

// shift is the difference between a key and an index. The smallest absolute value has the key 1.
const shift = 1 - logbins.First

// keyOf returns the key of the bin of v.
func keyOf(v float64) int32 {
	switch {
	case logbins.IsZero(v):
		return 0
	case v < 0:
		return -(logbins.Index(-v) + shift)
	default:
		return logbins.Index(v) + shift
	}
}

// valueOf returns the value of the bin with a key.
func valueOf(key int32) float64 {
	switch {
	case key == 0:
		return 0
	case key < 0:
		return -logbins.Value(-key - shift)
	default:
		return logbins.Value(key - shift)
	}
}

// sorter puts samples into bins.
type sorter struct {
	counts []uint64 // between two uses, all elements are 0
	keys   []int32
}

// sort appends the bins for a timer's samples to dst.
func (s *sorter) sort(dst []bin, c *metric.Collected) []bin {
	if len(c.Bins) == 0 && len(c.Samples) == 1 {
		return append(dst, bin{keyOf(c.Samples[0]), 1})
	}
	first := keyOf(c.Lower)
	width := int(keyOf(c.Upper)-first) + 1
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
		s.counts[keyOf(v)-first]++
	}
	for _, b := range c.Bins {
		at := min(max(keyOf(b.Value)-first, 0), int32(width-1))
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
		s.keys = append(s.keys, keyOf(v))
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
func (t *totals) atRank(rank uint64) float64 {
	if rank == 1 {
		return t.lower
	}
	for i, bin := range t.bins {
		if bin.count < rank {
			rank -= bin.count
		} else if i < len(t.bins)-1 || rank < bin.count {
			return min(max(valueOf(bin.key), t.lower), t.upper)
		}
	}
	return t.upper
}
