package wire

import (
	"strconv"
	"unsafe"
)

// pow10 holds the powers of ten that a float64 represents exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

func finite(v float64) bool { return v-v == 0 }

// number parses a decimal number: a sign, digits with a point, and an exponent. Only the digits are
// required. The result is the nearest float64, like the result of strconv.ParseFloat. number
// returns false for a number that is too large, and for all other formats that ParseFloat accepts.
//
// A mantissa below 2^53 and a power of ten up to 22 are both exact, so one multiplication or
// division rounds correctly (W. Clinger, "How to read floating point numbers accurately", 1990).
// Other numbers are parsed by strconv.
func number(b []byte) (v float64, ok bool) {
	digits := b
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		digits = b[1:]
	}
	mantissa, exponent, ok := scan(digits)
	switch {
	case !ok:
		return 0, false
	case mantissa >= 1<<53 || exponent < -22 || exponent > 22:
		// The string shares the memory of b. This is safe because ParseFloat does not keep the string.
		v, err := strconv.ParseFloat(unsafe.String(&b[0], len(b)), 64)
		return v, err == nil
	case exponent < 0:
		v = float64(mantissa) / pow10[-exponent]
	default:
		v = float64(mantissa) * pow10[exponent]
	}
	if b[0] == '-' {
		v = -v
	}
	return v, true
}

// scan parses an unsigned number as mantissa x 10^exponent. If the mantissa has more than 19
// digits, scan returns the greatest uint64 as the mantissa.
func scan(b []byte) (mantissa uint64, exponent int, ok bool) {
	const room = 1e18 // below this limit, a uint64 can hold one more digit
	i, point := 0, -1
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			if b[i] != '.' || point >= 0 {
				break
			}
			point = i
			continue
		}
		if mantissa < room {
			mantissa = mantissa*10 + uint64(d)
		} else {
			mantissa = 1<<64 - 1
		}
	}
	read := i
	if point >= 0 {
		exponent = point + 1 - i
		read--
	}
	if read == 0 {
		return 0, 0, false
	}
	if i == len(b) {
		return mantissa, exponent, true
	}
	e, ok := scanExponent(b[i:])
	return mantissa, exponent + e, ok
}

// scanExponent parses an exponent that begins with e or E.
func scanExponent(b []byte) (e int, ok bool) {
	if b[0] != 'e' && b[0] != 'E' {
		return 0, false
	}
	b = b[1:]
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative = b[0] == '-'
		b = b[1:]
	}
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		if e < 100_000 { // a greater exponent exceeds the range of float64 anyway, so only check that the remaining bytes are digits
			e = e*10 + int(d)
		}
	}
	if negative {
		e = -e
	}
	return e, len(b) > 0
}
