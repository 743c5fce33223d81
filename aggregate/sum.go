package aggregate

import "math"

// sum2 is a sum of float64 values in twice the usual precision, so that the result does not depend
// on their order (T. Ogita, S. Rump, S. Oishi, "Accurate sum and dot product", 2005, algorithm
// Sum2).
type sum2 struct{ sum, rest float64 }

func (s *sum2) add(v float64) { *s = s.plus(v) }

// plus returns the sum of s and v. In a loop it is faster than add, because the sum can be kept in
// registers.
func (s sum2) plus(v float64) sum2 {
	next := s.sum + v
	part := next - s.sum
	return sum2{next, s.rest + ((s.sum - (next - part)) + (v - part))}
}

// merge adds the sum o to s.
func (s *sum2) merge(o sum2) {
	s.add(o.sum)
	s.rest += o.rest
}

// value returns the sum as a float64. It is not finite if the sum exceeds the range of float64.
func (s sum2) value() float64 { return s.sum + s.rest }

// sumAndMean returns the sum and the mean of samples. There must be at least one sample.
func sumAndMean(samples []float64) (sum, mean float64) {
	var s sum2
	for _, v := range samples {
		s = s.plus(v)
	}
	return s.of(samples)
}

// of returns the sum and the mean of the samples as finite numbers. s must already contain the sum. The
// method reads the samples only if their sum exceeds the range of float64.
func (s sum2) of(samples []float64) (sum, mean float64) {
	n := float64(len(samples))
	if sum = s.value(); sum-sum == 0 {
		return sum, sum / n
	}
	for _, v := range samples { // the sum exceeds the range of float64, but the mean does not
		mean += v / n
	}
	mean = clamp(mean)
	return clamp(mean * n), mean
}

// sumOfSquares returns the sum of the squares, but at most MaxFloat64.
func sumOfSquares(samples []float64) float64 {
	var s sum2
	for _, v := range samples {
		s = s.plus(v * v)
	}
	return clampSquares(s.value())
}

// clampSquares replaces an infinite sum of squares by MaxFloat64.
func clampSquares(v float64) float64 {
	if v-v != 0 {
		return math.MaxFloat64
	}
	return v
}

// deviation returns the population standard deviation of the samples. Samples are scaled by a power of two, so that the
// squares do not overflow. The rounding error of the mean is corrected (T. Chan, G. Golub, R. LeVeque, "Algorithms for
// computing the sample variance", 1983, corrected two-pass algorithm).
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
