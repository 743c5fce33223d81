package aggregate

import "math"

// sum2 is a sum of floats in twice their precision, so that the order of the floats does not matter (T. Ogita, S. Rump,
// S. Oishi, "Accurate sum and dot product", 2005, Sum2).
type sum2 struct{ sum, rest float64 }

func (s *sum2) add(v float64) { *s = s.plus(v) }

// plus returns the sum of s and v. In a loop it is faster than add, because the sum stays in registers.
func (s sum2) plus(v float64) sum2 {
	next := s.sum + v
	part := next - s.sum
	return sum2{next, s.rest + ((s.sum - (next - part)) + (v - part))}
}

// merge adds another sum.
func (s *sum2) merge(o sum2) {
	s.add(o.sum)
	s.rest += o.rest
}

// value is not finite if the sum is beyond float64.
func (s sum2) value() float64 { return s.sum + s.rest }

// sumAndMean returns the sum and the mean of at least one sample.
func sumAndMean(samples []float64) (sum, mean float64) {
	var s sum2
	for _, v := range samples {
		s = s.plus(v)
	}
	return s.of(samples)
}

// of returns the sum and the mean of samples; s is their sum.
func (s sum2) of(samples []float64) (sum, mean float64) {
	n := float64(len(samples))
	if sum = s.value(); sum-sum == 0 {
		return sum, sum / n
	}
	for _, v := range samples { // the sum is too large for a float64, but the mean is not
		mean += v / n
	}
	mean = clamp(mean)
	return clamp(mean * n), mean
}

// sumOfSquares returns MaxFloat64 if the sum is greater.
func sumOfSquares(samples []float64) float64 {
	var s sum2
	for _, v := range samples {
		s = s.plus(v * v)
	}
	return clampSquares(s.value())
}

// clampSquares keeps a sum of squares finite.
func clampSquares(v float64) float64 {
	if v-v != 0 {
		return math.MaxFloat64
	}
	return v
}

// deviation returns the standard deviation of all samples (of a population). Samples are
// scaled by a power of two, so that squares stay finite. The rounding error of the mean is
// corrected (T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample
// variance", 1983, corrected two-pass).
func deviation(samples []float64, mean float64) float64 {
	largest := 0.0
	for _, v := range samples {
		largest = max(largest, math.Abs(v))
	}
	_, exponent := math.Frexp(largest)
	scale := math.Ldexp(1, -max(exponent, -1000))
	n := float64(len(samples))
	var distances, squares sum2
	for _, v := range samples {
		d := v*scale - mean*scale
		distances, squares = distances.plus(d), squares.plus(d*d)
	}
	off := distances.value()
	return math.Sqrt(max(squares.value()-off*off/n, 0)/n) / scale
}
