package prometheus

import (
	"cmp"
	"math"
	"slices"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// native contains the sparse buckets of a native histogram. It is immutable: each interval creates
// a new native, and views keep the native of an earlier interval. The bounds for schema n are
// powers of 2^(2^-n). Bucket i contains the values above bound i-1, up to and including bound i.
type native struct {
	schema             int8
	zero               float64  // number of events with a value within zeroThreshold of 0
	positive, negative []sparse // sorted by index
}

// sparse is a bucket that contains events.
type sparse struct {
	index int32
	count float64
}

// The limits of client_golang, which statsd_exporter uses.
const (
	maxSchema, minSchema = 8, -4
	zeroThreshold        = 0x1p-128
)

// schemaOf returns the schema for a maximum growth factor between buckets. It returns false if the factor
// disables native buckets.
func schemaOf(factor float64) (schema int8, ok bool) {
	if !(factor > 1) {
		return 0, false
	}
	return int8(min(max(-math.Floor(math.Log2(math.Log2(factor))), minSchema), maxSchema)), true
}

// sparseBounds contains the bucket bounds between 0.5 and 1 for each schema above 0. math.Frexp returns fractions
// in this range.
var sparseBounds = func() (all [maxSchema + 1][]float64) {
	for schema := 1; schema <= maxSchema; schema++ {
		n := 1 << schema
		for i := range n {
			all[schema] = append(all[schema], math.Exp2(float64(i)/float64(n)-1))
		}
	}
	return all
}()

// sparseIndex returns the index of the bucket for a positive value.
func sparseIndex(v float64, schema int8) int32 {
	fraction, exponent := math.Frexp(v)
	if schema > 0 {
		bounds := sparseBounds[schema]
		i, _ := slices.BinarySearch(bounds, fraction)
		return int32(i + (exponent-1)*len(bounds))
	}
	if fraction == 0.5 {
		exponent--
	}
	return int32((exponent + 1<<-schema - 1) >> -schema)
}

// with returns new buckets: the buckets of n plus the samples of an interval. The parameter most is
// the maximum number of buckets.
func (n *native) with(c *metric.Collected, u unit, most int) *native {
	weight := weigh(c)
	next := &native{schema: n.schema, zero: n.zero}
	next.positive, next.negative = slices.Clone(n.positive), slices.Clone(n.negative)
	for _, v := range c.Samples {
		next.add(u.apply(v), weight)
	}
	for _, b := range c.Bins {
		next.add(u.apply(b.Value), b.Count*weight)
	}
	next.positive, next.negative = together(next.positive), together(next.negative)
	for len(next.positive)+len(next.negative) > most && next.schema > minSchema {
		next.widen()
	}
	return next
}

func (n *native) add(v, count float64) {
	switch {
	case math.Abs(v) <= zeroThreshold:
		n.zero += count
	case v > 0:
		n.positive = append(n.positive, sparse{sparseIndex(v, n.schema), count})
	default:
		n.negative = append(n.negative, sparse{sparseIndex(-v, n.schema), count})
	}
}

// widen doubles the width of all buckets.
func (n *native) widen() {
	n.schema--
	for _, side := range []*[]sparse{&n.positive, &n.negative} {
		for i := range *side {
			b := &(*side)[i]
			b.index = (b.index + 1) >> 1
		}
		*side = together(*side)
	}
}

// together sorts buckets, and adds up buckets with the same index.
func together(all []sparse) []sparse {
	slices.SortFunc(all, func(a, b sparse) int { return cmp.Compare(a.index, b.index) })
	n := 0
	for _, b := range all {
		if n > 0 && all[n-1].index == b.index {
			all[n-1].count += b.count
			continue
		}
		all[n] = b
		n++
	}
	return all[:n]
}

// count returns the number of events.
func (n *native) count() float64 {
	sum := n.zero
	for _, side := range [][]sparse{n.negative, n.positive} {
		for _, b := range side {
			sum += b.count
		}
	}
	return sum
}

// whole reports whether all counts are whole numbers.
func (n *native) whole() bool {
	fraction := func(b sparse) bool { return !isCount(b.count) }
	return isCount(n.zero) && !slices.ContainsFunc(n.positive, fraction) && !slices.ContainsFunc(n.negative, fraction)
}

// isCount reports whether a number is a whole number that a float64 represents exactly.
func isCount(v float64) bool { return v == math.Trunc(v) && v >= 0 && v <= 1<<53 }

// observeNative adds samples to the native buckets of a series. If the rule enables native buckets, they are
// created for the first samples.
func (st *store) observeNative(number uint32, o *rules.Options, c *metric.Collected, u unit, first bool) {
	n := st.natives[number]
	if first {
		n = nil
		if schema, wanted := schemaOf(o.NativeFactor); wanted {
			n = &native{schema: schema}
		}
	}
	if n != nil {
		st.natives[number] = n.with(c, u, o.NativeMax)
	}
}
