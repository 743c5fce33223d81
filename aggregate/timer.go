package aggregate

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// rank is a percentile threshold and its column among a timer's values.
type rank struct {
	percent float64
	column  int
}

// timerColumns is the number of a timer's values that are not percentiles.
const timerColumns = 4

func newRanks(percentiles []float64) []rank {
	var ranks []rank
	for i, p := range percentiles {
		ranks = append(ranks, rank{p, timerColumns + i})
	}
	slices.SortFunc(ranks, func(a, b rank) int { return cmp.Compare(a.percent, b.percent) })
	return ranks
}

// place returns the index of the threshold's sample among n sorted ones: the
// round(percent/100 * n)-th, half rounded away from zero, at least the first.
func (r rank) place(n int) int {
	k := int(math.Round(r.percent * float64(n) / 100))
	return min(max(k, 1), n) - 1
}

// summarizeTimer fills in lower, upper, mean and the percentiles; count is the
// caller's. It reorders the samples, of which there is at least one.
func summarizeTimer(samples []float64, ranks []rank, values []float64) {
	lower, upper := samples[0], samples[0]
	for _, v := range samples {
		lower, upper = min(lower, v), max(upper, v)
	}
	values[0], values[1], values[2] = lower, upper, mean(samples)

	done := 0 // samples[:done] are in their places
	for _, r := range ranks {
		k := r.place(len(samples))
		if k >= done {
			selectRank(samples[done:], k-done)
			done = k + 1
		}
		values[r.column] = samples[k]
	}
}

// mean is the sum over the number, worked out with twice the precision, so
// that the order of the samples does not show (T. Ogita, S. Rump, S. Oishi,
// "Accurate sum and dot product", 2005, Sum2).
func mean(samples []float64) float64 {
	sum, rest := 0.0, 0.0
	for _, v := range samples {
		next := sum + v
		part := next - sum
		rest += (sum - (next - part)) + (v - part)
		sum = next
	}
	n := float64(len(samples))
	if m := (sum + rest) / n; m-m == 0 {
		return m
	}
	m := 0.0 // the sum is beyond float64, the mean is not
	for _, v := range samples {
		m += v / n
	}
	return clamp(m)
}

// selectRank puts the sample of rank k in its place: none before it is
// greater, none behind it smaller. Where partitioning does not get on, it sorts.
func selectRank(a []float64, k int) {
	const few = 24
	for budget := 2 * bits.Len(uint(len(a))); len(a) > few; budget-- {
		if budget == 0 {
			break
		}
		// Between less and greater stand those equal to the pivot.
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

// partition orders a into samples less than, equal to and greater than pivot,
// and returns where the second and the third part start.
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
