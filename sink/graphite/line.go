package graphite

import (
	"math"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// AppendPoint appends the line "path value timestamp\n". The value is the
// shortest decimal that reads back as the same float64, without an exponent:
// some receivers read none. A point without a path, with white space or control
// bytes in it, or with a value that is not finite, is appended as nothing.
func (s *Sink) AppendPoint(dst []byte, p metric.Point) []byte {
	if !carries(p) {
		return dst
	}
	dst = append(dst, s.prefix...)
	dst = append(dst, p.Path...)
	dst = append(dst, ' ')
	dst = appendValue(dst, p.Value)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, p.Time, 10)
	return append(dst, '\n')
}

func carries(p metric.Point) bool {
	for _, c := range p.Path {
		if c <= ' ' {
			return false
		}
	}
	return len(p.Path) > 0 && !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0)
}

func appendValue(dst []byte, v float64) []byte {
	const exact = 1 << 53 // up to here every integer is a float64
	if n := int64(v); float64(n) == v && -exact <= n && n <= exact && (n != 0 || !math.Signbit(v)) {
		return strconv.AppendInt(dst, n, 10)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}
