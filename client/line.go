package client

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// kind is what a line measures, and indexes the tables below.
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

// appendInt is strconv.AppendInt with the commonest value first.
func appendInt(b []byte, n int64) []byte {
	if uint64(n) < 10 {
		return append(b, byte('0'+n))
	}
	return strconv.AppendInt(b, n, 10)
}

// appendFloat appends the shortest decimal that reads back as v, without an
// exponent, which many servers do not read.
func appendFloat(b []byte, v float64) []byte {
	// A number with up to three decimals is a quotient of two integers. Division
	// rounds as reading does, so if it gives v again, the digits are right; with
	// 15 of them or fewer they are also the shortest.
	if n := int64(math.RoundToEven(v * 1000)); -1e15 < n && n < 1e15 && float64(n)/1000 == v {
		if n < 0 {
			b = append(b, '-')
			n = -n
		}
		return appendFixed(b, uint64(n), 1000)
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

// appendMillis appends d in milliseconds, exactly. python makes a whole number
// end in ".0".
func appendMillis(b []byte, d time.Duration, python bool) []byte {
	u := uint64(d)
	if d < 0 {
		b = append(b, '-')
		u = -u
	}
	b = appendFixed(b, u, 1e6)
	if python && u%1e6 == 0 {
		b = append(b, ".0"...)
	}
	return b
}

// appendFixed appends u / unit, for a unit that is a power of ten, without
// needless zeros.
func appendFixed(b []byte, u, unit uint64) []byte {
	b = strconv.AppendUint(b, u/unit, 10)
	frac := u % unit
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for frac > 0 {
		unit /= 10
		b = append(b, byte('0'+frac/unit))
		frac %= unit
	}
	return b
}

func appendRate(b []byte, rate float64) []byte {
	return strconv.AppendFloat(append(b, "|@"...), rate, 'f', -1, 64)
}

// appendTags appends tags to b, which ends in a tag section if open is true.
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

// appendClean appends s with each control character and each byte equal to
// bad1 or bad2 replaced by '_'.
func appendClean(b []byte, s string, bad1, bad2 byte) []byte {
	from := len(b)
	b = append(b, s...)
	if !clean([]byte(s), bad1, bad2) {
		for i, ch := range b[from:] {
			if ch < ' ' || ch == bad1 || ch == bad2 {
				b[from+i] = '_'
			}
		}
	}
	return b
}

// clean reports whether appendClean has nothing to replace in s. Names are the
// longest part of a line, so it looks at eight bytes at a time: some top bit is
// set where a byte of x is below ' ', or one of x1 or x2 is 0 (Bit Twiddling
// Hacks, "Determine if a word has a byte less than n").
func clean(s []byte, bad1, bad2 byte) bool {
	if len(s) < 8 {
		for _, ch := range s {
			if ch < ' ' || ch == bad1 || ch == bad2 {
				return false
			}
		}
		return true
	}
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	mask1, mask2 := ones*uint64(bad1), ones*uint64(bad2)
	for {
		x := binary.LittleEndian.Uint64(s)
		x1, x2 := x^mask1, x^mask2
		if ((x-ones*' ')&^x|(x1-ones)&^x1|(x2-ones)&^x2)&tops != 0 {
			return false
		}
		switch {
		case len(s) == 8:
			return true
		case len(s) < 16:
			s = s[len(s)-8:]
		default:
			s = s[8:]
		}
	}
}
