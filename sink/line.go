package sink

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// Lines encodes points as lines of Graphite's plaintext protocol, "path value timestamp\n"
// (https://graphite.readthedocs.io/en/stable/feeding-carbon.html). Only one goroutine may use it.
type Lines struct {
	// Prefix is added before each path, with a dot between them, if it is not empty.
	Prefix string

	time int64
	end  []byte // the end of a line with this time; usually all points of a flush have the same time
}

// Append appends p as a line. The value is the shortest decimal number that is parsed as the same float64. It has no
// exponent, because some receivers do not accept exponents. Append leaves out points for which CanPlot returns false.
func (l *Lines) Append(dst []byte, p metric.Point) []byte {
	if !CanPlot(p) {
		return dst
	}
	if p.Time != l.time || l.end == nil {
		l.time = p.Time
		l.end = append(strconv.AppendInt(append(l.end[:0], ' '), p.Time, 10), '\n')
	}
	dst = append(AppendPath(dst, l.Prefix, p), ' ')
	return append(appendValue(dst, p.Value), l.end...)
}

// AppendPath appends the prefix and the path of p.
func AppendPath(dst []byte, prefix string, p metric.Point) []byte {
	if prefix != "" {
		dst = append(append(dst, prefix...), '.')
	}
	return append(dst, p.Path...)
}

// CanPlot reports whether Graphite accepts p. The path must not contain white space or control bytes, and the
// value must be finite.
func CanPlot(p metric.Point) bool {
	return len(p.Path) > 0 && !hasBlank(p.Path) && !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0)
}

// hasBlank reports whether a path contains white space or a control byte. Every point is checked, so hasBlank looks at
// eight bytes at once (https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord).
func hasBlank(path []byte) bool {
	const ones, highs, least = 0x0101010101010101, 0x8080808080808080, '!'
	for ; len(path) >= 8; path = path[8:] {
		if x := binary.LittleEndian.Uint64(path); (x-least*ones)&^x&highs != 0 {
			return true
		}
	}
	for _, c := range path {
		if c < least {
			return true
		}
	}
	return false
}

func appendValue(dst []byte, v float64) []byte {
	const exact = 1 << 53 // a float64 represents all integers up to this limit exactly
	if n := int64(v); float64(n) == v && -exact <= n && n <= exact && (n != 0 || !math.Signbit(v)) {
		return strconv.AppendInt(dst, n, 10)
	}
	// Rates and times often have at most three decimals. Such a number is written faster as an integer of thousandths.
	// Two decimal numbers of at most 15 digits are never the same float64, so there is no shorter number for v.
	const digits15 = 1e15
	if n := int64(math.Abs(v)*1000 + 0.5); 0 < n && n < digits15 && float64(n)/1000 == math.Abs(v) {
		return appendThousandths(dst, n, v < 0)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// appendThousandths appends n/1000, which must not be an integer, without zeros at the end.
func appendThousandths(dst []byte, n int64, negative bool) []byte {
	if negative {
		dst = append(dst, '-')
	}
	dst = strconv.AppendInt(dst, n/1000, 10)
	part := n % 1000
	dst = append(dst, '.', '0'+byte(part/100), '0'+byte(part/10%10), '0'+byte(part%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// maxPrefix is the maximum length of a prefix, in bytes.
const maxPrefix = 1024

// CheckPrefix returns an error if prefix is not valid as the beginning of a path.
func CheckPrefix(prefix string) error {
	if !metric.IsClean([]byte(prefix)) || len(prefix) > maxPrefix {
		return fmt.Errorf("may have at most %d characters, only A-Z, a-z, 0-9, _, - and dots; not %q", maxPrefix, prefix)
	}
	return nil
}
