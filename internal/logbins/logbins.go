// Package logbins puts positive numbers into bins, so that a number and the value of its bin differ by at most 1 %.
//
// A DDSketch with a logarithmic mapping has the same bins (C. Masson, J. Rim, H. Lee, "DDSketch: a fast and
// fully-mergeable quantile sketch with relative-error guarantees", 2019, https://arxiv.org/abs/1908.10693). The number v
// belongs to the bin with the index floor(log(v) / log(γ)), where γ = (1 + Error) / (1 - Error). Daemons of a cluster
// exchange these indexes, so the formula cannot change.
package logbins

import (
	"iter"
	"math"
)

// Error is the maximum relative difference between a number and the value of its bin.
const Error = 0.01

const (
	// First is the lowest index.
	First = -35418
	// Last is the highest index.
	Last = 35470
)

var (
	gamma    = ratio(Error)
	perIndex = 1 / math.Log(gamma)
	// Only the numbers between smallest and greatest have bins. Outside, a subnormal number or an overflow would make
	// the error larger.
	smallest = 0x1p-1022 * gamma
	greatest = math.Exp(7.094361393031e+02) / (2 * gamma) * (gamma + 1)
)

// ratio returns γ. It is a function so that the compiler does not compute γ with a higher precision.
func ratio(e float64) float64 { return (1 + e) / (1 - e) }

// IsZero reports whether the absolute value of v is too small for a bin.
func IsZero(v float64) bool { return math.Abs(v) <= smallest }

// Index returns the index of the bin of a number. Numbers that are too large for a bin belong to the last bin. v must be
// positive, and IsZero(v) must be false.
func Index(v float64) int32 {
	at := math.Log(min(v, greatest)) * perIndex
	if at < 0 {
		return int32(at) - 1 // faster than math.Floor; a number at the lower edge of a bin may belong to the bin below
	}
	return int32(at)
}

// Value returns the value of a bin.
func Value(index int32) float64 {
	return math.Exp(float64(index)/perIndex) * (1 + (1 - 2/(1+gamma)))
}

// Counts holds the number of samples in each bin. The zero value is empty. Counts needs 8 bytes for each bin, in pages of
// 64 bins, and up to 20 bytes for each page between the lowest and the highest bin with samples: about 10 KB for two
// samples of very different size, and at most 600 KB.
type Counts struct {
	first int32   // the number of the page in pages[0]
	pages []*page // nil for a page without samples
	total float64
}

// A page holds the counts of the bins whose indexes are the same if they are shifted by pageShift.
type page [1 << pageShift]float64

const pageShift = 6

// Add adds n samples to a bin.
func (c *Counts) Add(index int32, n float64) {
	number := index >> pageShift
	if number < c.first || int(number-c.first) >= len(c.pages) {
		c.cover(number)
	}
	at := number - c.first
	if c.pages[at] == nil {
		c.pages[at] = new(page)
	}
	c.pages[at][index&(1<<pageShift-1)] += n
	c.total += n
}

// minSpare is the minimum number of elements by which Counts.pages grows.
const minSpare = 4

// cover makes room for the page with this number, and for more pages on the same side.
func (c *Counts) cover(number int32) {
	spare := int32(max(minSpare, len(c.pages)/2))
	if len(c.pages) == 0 {
		c.first = number
	}
	first, end := c.first, c.first+int32(len(c.pages))
	if number < first {
		first = min(number, max(number-spare, First>>pageShift))
	} else {
		end = max(number, min(number+spare, Last>>pageShift)) + 1
	}
	pages := make([]*page, end-first)
	copy(pages[c.first-first:], c.pages)
	c.first, c.pages = first, pages
}

// Merge adds the samples of the Counts o.
func (c *Counts) Merge(o *Counts) {
	for index, n := range o.All() {
		c.Add(index, n)
	}
}

// Total returns the number of samples.
func (c *Counts) Total() float64 { return c.total }

// All yields the indexes of all bins with samples, in ascending order, with their numbers of samples.
func (c *Counts) All() iter.Seq2[int32, float64] {
	return func(yield func(int32, float64) bool) {
		for at, p := range c.pages {
			if p == nil {
				continue
			}
			for i, n := range p {
				if n > 0 && !yield((c.first+int32(at))<<pageShift+int32(i), n) {
					return
				}
			}
		}
	}
}

// AtRank returns the index of the bin that contains the sample of this rank. The sample in the lowest bin has the rank
// 0. A rank that is too high means the highest bin with samples.
func (c *Counts) AtRank(rank float64) (index int32) {
	var below float64
	for i, n := range c.All() {
		index = i
		if below += n; below > rank {
			break
		}
	}
	return index
}
