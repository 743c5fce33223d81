package aggregate

import "math"

// sum2 is a sum of floats worked out with twice the precision, so that their
// order does not show (T. Ogita, S. Rump, S. Oishi, "Accurate sum and dot
// product", 2005, Sum2).
type sum2 struct{ sum, rest float64 }

func (s *sum2) add(v float64) { *s = s.plus(v) }

// plus returns the sum of s and v. In a loop it keeps what add would have in
// memory in registers.
func (s sum2) plus(v float64) sum2 {
	next := s.sum + v
	part := next - s.sum
	return sum2{next, s.rest + ((s.sum - (next - part)) + (v - part))}
}

// merge adds what o is the sum of.
func (s *sum2) merge(o sum2) {
	s.add(o.sum)
	s.rest += o.rest
}

// value is not finite when the sum is beyond float64.
func (s sum2) value() float64 { return s.sum + s.rest }

// sumAndMean returns both of samples, of which there is at least one.
func sumAndMean(samples []float64) (sum, mean float64) {
	var s sum2
	for _, v := range samples {
		s = s.plus(v)
	}
	return s.of(samples)
}

// of returns the sum of samples, which s is, and their mean.
func (s sum2) of(samples []float64) (sum, mean float64) {
	n := float64(len(samples))
	if sum = s.value(); sum-sum == 0 {
		return sum, sum / n
	}
	for _, v := range samples { // the sum is beyond float64, the mean is not
		mean += v / n
	}
	mean = clamp(mean)
	return clamp(mean * n), mean
}

// sumOfSquares returns MaxFloat64 for what is beyond that.
func sumOfSquares(samples []float64) float64 {
	var s sum2
	for _, v := range samples {
		s = s.plus(v * v)
	}
	return clampSquares(s.value())
}

// clampSquares returns a sum of squares, which can be beyond float64.
func clampSquares(v float64) float64 {
	if v-v != 0 {
		return math.MaxFloat64
	}
	return v
}

// deviation returns the standard deviation of all samples there are (not an
// estimate of more). They are scaled by a power of two, so that squares stay finite.
// What the mean is off by, being rounded, is taken out again (T. Chan, G. Golub,
// R. LeVeque, "Algorithms for computing the sample variance", 1983, corrected two-pass).
func deviation(samples []float64, mean float64) float64 {
	most := 0.0
	for _, v := range samples {
		most = max(most, math.Abs(v))
	}
	_, exponent := math.Frexp(most)
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
