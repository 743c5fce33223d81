package wire

import (
	"math"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

var letters = [metric.Kinds]string{metric.Counter: "|c", metric.Gauge: "|g", metric.Timer: "|ms", metric.Set: "|s"}

// Append appends s as a line with its newline, such that a Parser reads the
// same sample from it. The name and the member are taken as they are: they
// must hold no newline, the name no colon, the member no bar. A gauge that is set to a negative
// value takes two lines, as the dialect has no other way: 0 first, then the
// decrement; a Parser with AbsoluteSigns reads two settings, with the same end.
func Append(dst []byte, s metric.Sample) []byte {
	if s.Kind == metric.Gauge && !s.Delta && math.Signbit(s.Value) {
		dst = append(append(dst, s.Name...), ":0|g\n"...)
	}
	dst = append(append(dst, s.Name...), ':')
	if s.Kind == metric.Set {
		dst = append(dst, s.Member...)
	} else {
		if s.Kind == metric.Gauge && s.Delta && !math.Signbit(s.Value) {
			dst = append(dst, '+')
		}
		dst = strconv.AppendFloat(dst, s.Value, 'g', -1, 64)
	}
	if s.Kind == metric.Timer && !s.Millis {
		dst = append(dst, "|h"...)
	} else {
		dst = append(dst, letters[s.Kind]...)
	}
	if s.Weight > 1 && (s.Kind == metric.Counter || s.Kind == metric.Timer) {
		dst = strconv.AppendFloat(append(dst, "|@"...), rate(s.Weight), 'g', -1, 64)
	}
	return append(dst, '\n')
}

// rate returns the sample rate whose inverse is weight, or is nearest to it.
func rate(weight float64) float64 {
	r := 1 / weight
	for _, near := range []float64{math.Nextafter(r, 0), math.Nextafter(r, 1)} {
		if math.Abs(1/near-weight) < math.Abs(1/r-weight) {
			r = near
		}
	}
	return r
}
