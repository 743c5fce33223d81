package client

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// kind is the type of a metric, and an index into the tables below.
type kind uint8

const (
	counter kind = iota
	gauge
	timer
	histogram
	distribution
	set
	kinds
)

var (
	codes    = [kinds]string{"|c", "|g", "|ms", "|h", "|d", "|s"}
	sections = [kinds]string{"counters.", "gauges.", "timers.", "timers.", "timers.", "sets."}
)

// appendFloat appends the shortest decimal number that is parsed as v. The number has no exponent, because many
// servers cannot parse exponents.
func appendFloat(b []byte, v float64) []byte {
	// This is a fast path for numbers with up to three decimal places. If n/1000 equals v, the digits of n are correct.
	// They are also the shortest digits for v: n has at most 15 digits, and two different numbers with at most 15
	// digits are never the same float64.
	if n := int64(math.RoundToEven(v * 1000)); -1e15 < n && n < 1e15 && float64(n)/1000 == v {
		if n < 0 {
			b = append(b, '-')
			n = -n
		}
		return appendMillionths(strconv.AppendUint(b, uint64(n/1000), 10), uint64(n%1000)*1000)
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

// appendMillis appends d in milliseconds, without rounding. If python is true, whole numbers end with ".0".
func appendMillis(b []byte, d time.Duration, python bool) []byte {
	u := uint64(d)
	if d < 0 {
		b = append(b, '-')
		u = -u
	}
	b = appendMillionths(strconv.AppendUint(b, u/1e6, 10), u%1e6)
	if python && u%1e6 == 0 {
		b = append(b, ".0"...)
	}
	return b
}

// appendMillionths appends a decimal point and the digits of n millionths, without zeros at the end. n must be
// less than 1e6.
func appendMillionths(b []byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	high, low := uint32(n)/1000, uint32(n)%1000
	b = append(b, '.', digit(high/100), digit(high/10), digit(high))
	if low != 0 {
		b = append(b, digit(low/100), digit(low/10), digit(low))
	}
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

func digit(n uint32) byte { return byte('0' + n%10) }

// appendRate appends the rate section. A rate of 0 means 1, which needs no section.
func appendRate(b []byte, rate float64) []byte {
	if rate == 0 {
		return b
	}
	return strconv.AppendFloat(append(b, "|@"...), rate, 'f', -1, 64)
}

// appendTags appends tags. If the parameter open is true, b already ends with a tag section.
func appendTags(b []byte, tags []string, open bool) []byte {
	for _, tag := range tags {
		if tag == "" {
			continue
		}
		if open {
			b = append(b, ',')
		} else {
			b = append(b, "|#"...)
			open = true
		}
		b = appendClean(b, tag, '|', ',')
	}
	return b
}

// tagsSize returns the number of bytes that appendTags appends.
func tagsSize(tags []string, open bool) (n int) {
	for _, tag := range tags {
		if tag != "" {
			n += len(",") + len(tag)
		}
	}
	if n > 0 && !open {
		n += len("|#") - len(",")
	}
	return n
}

// appendClean appends s. Every byte of a character that breaks lines is replaced by '_': control and separator
// characters other than ' ', invalid UTF-8, bad1 and bad2. The length does not change, so callers can reserve it
// in advance.
func appendClean(b []byte, s string, bad1, bad2 byte) []byte {
	from := len(b)
	b = append(b, s...)
	if clean([]byte(s), bad1, bad2) {
		return b
	}
	for i := from; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if breaks(r, size) || r == rune(bad1) || r == rune(bad2) {
			for j := range size {
				b[i+j] = '_'
			}
		}
		i += size
	}
	return b
}

// breaks reports whether a character can end or garble a line on a server, on a terminal or in a log viewer.
func breaks(r rune, size int) bool {
	switch {
	case r < 0x7f:
		return r < ' '
	case r == utf8.RuneError:
		return size == 1 // invalid UTF-8, which may be a control character in Latin-1
	default:
		return unicode.IsControl(r) || unicode.In(r, unicode.Z, unicode.Bidi_Control)
	}
}

// clean reports whether s is printable ASCII without bad1 and bad2. Names are the longest part of a line, so
// clean checks eight bytes at a time. The last eight bytes may overlap with the previous ones.
func clean(s []byte, bad1, bad2 byte) bool {
	switch n := len(s); {
	case n >= 8:
		for i := 0; i < n-8; i += 8 {
			if dirty(binary.LittleEndian.Uint64(s[i:]), bad1, bad2) {
				return false
			}
		}
		return !dirty(binary.LittleEndian.Uint64(s[n-8:]), bad1, bad2)
	case n >= 4:
		ends := uint64(binary.LittleEndian.Uint32(s))<<32 | uint64(binary.LittleEndian.Uint32(s[n-4:]))
		return !dirty(ends, bad1, bad2)
	default:
		for _, ch := range s {
			if ch < ' ' || ch >= 0x7f || ch == bad1 || ch == bad2 {
				return false
			}
		}
		return true
	}
}

// dirty reports whether a byte of x is less than ' ', greater than '~', or equal to bad1 or bad2. Each term sets
// the top bit of such a byte. A carry or borrow can also set the top bit of the next byte, but only if the result
// is already true.
func dirty(x uint64, bad1, bad2 byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	x1, x2 := x^ones*uint64(bad1), x^ones*uint64(bad2)
	return ((x-ones*' ')|(x+ones)|(x1-ones)|(x2-ones))&tops != 0
}
