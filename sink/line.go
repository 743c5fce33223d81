package sink

import (
	"fmt"
	"math"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// AppendLine appends p as a line of Graphite's plaintext protocol, "path value timestamp\n"
// (https://graphite.readthedocs.io/en/stable/feeding-carbon.html). A prefix, unless empty, is put
// in front of the path with a dot between. The value is the shortest decimal that reads back as the
// same float64. It has no exponent, because some receivers do not accept one. A point that CanPlot
// refuses is left out.
func AppendLine(dst []byte, prefix string, p metric.Point) []byte {
	if !CanPlot(p) {
		return dst
	}
	dst = AppendPath(dst, prefix, p)
	dst = append(dst, ' ')
	dst = appendValue(dst, p.Value)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, p.Time, 10)
	return append(dst, '\n')
}

// AppendPath appends the path of p after a prefix.
func AppendPath(dst []byte, prefix string, p metric.Point) []byte {
	if prefix != "" {
		dst = append(append(dst, prefix...), '.')
	}
	return append(dst, p.Path...)
}

// CanPlot reports whether Graphite accepts p: the path must have no white space or control bytes, and the value must be
// finite.
func CanPlot(p metric.Point) bool {
	for _, c := range p.Path {
		if c <= ' ' {
			return false
		}
	}
	return len(p.Path) > 0 && !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0)
}

func appendValue(dst []byte, v float64) []byte {
	const exact = 1 << 53 // below this limit every integer is exact
	if n := int64(v); float64(n) == v && -exact <= n && n <= exact && (n != 0 || !math.Signbit(v)) {
		return strconv.AppendInt(dst, n, 10)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// maxPrefix is the longest prefix, in bytes.
const maxPrefix = 1024

// CheckPrefix returns an error if a prefix for paths is invalid.
func CheckPrefix(prefix string) error {
	if !metric.IsClean([]byte(prefix)) || len(prefix) > maxPrefix {
		return fmt.Errorf("must be at most %d characters of A-Z a-z 0-9 _ - and dots between them, not %q", maxPrefix, prefix)
	}
	return nil
}
