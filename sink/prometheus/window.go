package prometheus

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// window contains the samples of the last minutes of a summary, to compute its quantiles. It exists only while it
// has samples. A small number of samples is stored exactly. Above this number, the samples are counted in bins,
// whose values have an error of at most 1 %.
type window struct {
	series uint32
	parts  []part
	head   int       // index of the part to which samples are added
	until  time.Time // end time of the head part
	exact  []sample  // all samples, unless there were too many since the window was last empty
	many   bool
	bins   []bin // bins of all parts together
	dirty  bool
}

// part contains the samples of one part of the window's time, counted in bins.
type part struct{ bins []bin }

// bin is the number of samples near a value.
type bin struct {
	key   int32
	count float64
}

// sample is a value with a weight: the number of events that it represents.
type sample struct {
	value, weight float64
	part          int32
}

const (
	maxExact = 32
	// maxBins is the maximum number of bins in a window. Above this limit, the bins with the smallest values are
	// merged.
	maxBins = 2048
	// binError is the maximum relative error of a bin's value.
	binError = 0.01
	// keyOffset makes the keys of all positive values positive.
	keyOffset = 40_000
)

var logGamma = math.Log((1 + binError) / (1 - binError))

// keyOf returns the key of the bin for a value. Keys have the same order as values.
func keyOf(v float64) int32 {
	switch {
	case v > 0:
		return keyOffset + int32(math.Ceil(math.Log(v)/logGamma))
	case v < 0:
		return -keyOffset - int32(math.Ceil(math.Log(-v)/logGamma))
	}
	return 0
}

// valueOf returns the value in the middle of a bin.
func valueOf(key int32) float64 {
	switch {
	case key > 0:
		return math.Exp((float64(key-keyOffset) - 0.5) * logGamma)
	case key < 0:
		return -math.Exp((float64(-key-keyOffset) - 0.5) * logGamma)
	}
	return 0
}

// add adds the samples of an interval. The parameter weight is the number of events that each
// sample represents. batch is memory that successive calls reuse.
func (w *window) add(c *metric.Collected, unit unit, weight float64, batch *batch) {
	w.dirty = true
	w.many = w.many || len(c.Bins) > 0 || len(w.exact)+len(c.Samples) > maxExact
	if w.many {
		w.exact = nil
	} else {
		for _, v := range c.Samples {
			w.exact = append(w.exact, sample{unit.apply(v), weight, int32(w.head)})
		}
	}
	for samples := range slices.Chunk(c.Samples, maxBatch) {
		w.merge(batch.samples(samples, unit, weight))
	}
	for bins := range slices.Chunk(c.Bins, maxBatch) {
		w.merge(batch.sketch(bins, unit, weight))
	}
}

// merge adds sorted bins to the window and to its head part.
func (w *window) merge(bins []bin) {
	head := &w.parts[w.head]
	head.bins = addBins(head.bins, bins)
	w.bins = addBins(w.bins, bins)
}

// maxBatch is the maximum number of samples that are sorted at once. It limits the memory of a batch.
const maxBatch = 4096

// batch sorts some samples of an interval, so that they can be added to a window in one pass.
type batch struct {
	keys []int32
	bins []bin
}

// samples returns the bins of the samples. The result is valid until the next call of a method.
func (b *batch) samples(samples []float64, unit unit, weight float64) []bin {
	b.keys, b.bins = b.keys[:0], b.bins[:0]
	for _, v := range samples {
		b.keys = append(b.keys, keyOf(unit.apply(v)))
	}
	slices.Sort(b.keys)
	for _, key := range b.keys {
		b.append(bin{key, weight})
	}
	return b.bins
}

// sketch returns the bins for the bins of a sketch. The result is valid until the next call of a method.
func (b *batch) sketch(bins []metric.Bin, unit unit, weight float64) []bin {
	b.bins = b.bins[:0]
	for _, in := range bins {
		b.bins = append(b.bins, bin{keyOf(unit.apply(in.Value)), in.Count * weight})
	}
	slices.SortFunc(b.bins, func(a, b bin) int { return cmp.Compare(a.key, b.key) })
	sorted := b.bins
	b.bins = b.bins[:0]
	for _, in := range sorted {
		b.append(in)
	}
	return b.bins
}

// append adds a bin whose key is at least the key of the last bin.
func (b *batch) append(in bin) {
	if n := len(b.bins); n > 0 && b.bins[n-1].key == in.key {
		b.bins[n-1].count += in.count
		return
	}
	b.bins = append(b.bins, in)
}

// addBins adds the bins of the second slice to the first slice, and returns the result. Both slices must be sorted by
// key, and a slice must not contain two bins with the same key.
func addBins(bins, more []bin) []bin {
	// If the first slice is more than this many times as long as the second, a search for each bin is faster than a
	// pass over the first slice.
	const fewer = 16
	search := len(more)*fewer < len(bins)
	at := 0
	for _, b := range more {
		if search {
			n, _ := slices.BinarySearchFunc(bins[at:], b.key, func(b bin, key int32) int { return cmp.Compare(b.key, key) })
			at += n
		}
		for at < len(bins) && bins[at].key < b.key {
			at++
		}
		if at < len(bins) && bins[at].key == b.key {
			bins[at].count += b.count
		} else {
			bins = insertBin(bins, at, b)
		}
	}
	return bins
}

// insertBin inserts a bin at the given index. If there are already maxBins bins, it merges two of the bins with the
// smallest keys.
func insertBin(bins []bin, at int, b bin) []bin {
	if len(bins) < maxBins {
		return slices.Insert(bins, at, b)
	}
	if at == 0 {
		bins[0].count += b.count
		return bins
	}
	bins[1].count += bins[0].count
	copy(bins, bins[1:at])
	bins[at-1] = b
	return bins
}

// turn removes the parts of the window that are too old. It returns false if no samples remain.
func (w *window) turn(now time.Time, age time.Duration) bool {
	step := age / time.Duration(len(w.parts))
	for range w.parts {
		if now.Before(w.until) {
			break
		}
		w.until = w.until.Add(step)
		w.head = (w.head + 1) % len(w.parts)
		if len(w.parts[w.head].bins) > 0 {
			w.parts[w.head].bins, w.dirty = nil, true
			w.exact = slices.DeleteFunc(w.exact, func(s sample) bool { return s.part == int32(w.head) })
			w.bins = w.bins[:0]
			for _, p := range w.parts {
				w.bins = addBins(w.bins, p.bins)
			}
		}
	}
	if now.After(w.until) { // the whole window is too old
		w.until = now.Add(step)
	}
	return len(w.bins) > 0
}

// quantiles stores the quantiles of the window in the slice values. The quantile q is the smallest
// sample for which at least the fraction q of all samples is less than or equal to it.
func (w *window) quantiles(qs, values []float64) {
	w.dirty = false
	if len(w.bins) == 0 {
		for i := range values {
			values[i] = math.NaN()
		}
		return
	}
	if !w.many {
		slices.SortFunc(w.exact, func(a, b sample) int { return cmp.Compare(a.value, b.value) })
		rank(len(w.exact), func(i int) float64 { return w.exact[i].weight }, qs, func(q, i int) { values[q] = w.exact[i].value })
		return
	}
	rank(len(w.bins), func(i int) float64 { return w.bins[i].count }, qs, func(q, i int) { values[q] = valueOf(w.bins[i].key) })
}

// rank finds the quantiles qs among n values, for which weight returns the weights. The values and the
// quantiles must be in ascending order. For each quantile, rank calls the function found with the index of the
// quantile and the index of its value.
func rank(n int, weight func(i int) float64, qs []float64, found func(q, i int)) {
	total := 0.0
	for i := range n {
		total += weight(i)
	}
	at, below := 0, 0.0
	for i, q := range qs {
		for at < n-1 && below+weight(at) < q*total {
			below += weight(at)
			at++
		}
		found(i, at)
	}
}
