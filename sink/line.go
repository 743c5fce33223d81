package sink

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/statsd-ops/statsd/metric"
)

// AppendLine appends p as a line of Graphite's plaintext protocol, "path value timestamp\n"
// (https://graphite.readthedocs.io/en/stable/feeding-carbon.html). If prefix is not empty, it is added before the
// path, with a dot between them. The value is the shortest decimal number that is parsed as the same float64. It
// has no exponent, because some receivers do not accept exponents. AppendLine leaves out points for which CanPlot
// returns false.
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
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
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
