package wire

import (
	"math"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

var letters = [metric.Kinds]string{metric.Counter: "|c", metric.Gauge: "|g", metric.Timer: "|ms", metric.Set: "|s"}

// Append appends s as a line with a newline. A Parser reads the same sample from the line. Append
// does not change the name or the member. The name must not contain a newline or a colon, and the
// member must not contain a newline or a bar. If s sets a gauge to a negative value, Append appends
// two lines, because a value with a sign adjusts the gauge: the first line sets 0, the second line
// subtracts.
// A Parser with AbsoluteSigns reads the two lines as 0 and the negative value.
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
	if s.Weight != 1 && s.Weight > 0 && (s.Kind == metric.Counter || s.Kind == metric.Timer) {
		dst = strconv.AppendFloat(append(dst, "|@"...), rate(s.Weight), 'g', -1, 64)
	}
	return append(dst, '\n')
}

// rate returns the sample rate whose inverse is closest to weight.
func rate(weight float64) float64 {
	r := 1 / weight
	for _, near := range []float64{math.Nextafter(r, 0), math.Nextafter(r, math.Inf(1))} {
		if math.Abs(1/near-weight) < math.Abs(1/r-weight) {
			r = near
		}
	}
	return r
}
