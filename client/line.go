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

// appendInt is strconv.AppendInt with the commonest numbers first.
func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return strconv.AppendInt(b, n, 10)
	}
	return appendUint(b, uint64(n))
}

// appendUint is strconv.AppendUint with the shortest numbers first.
func appendUint(b []byte, n uint64) []byte {
	switch {
	case n < 10:
		return append(b, byte('0'+n))
	case n < 100:
		return append(b, byte('0'+n/10), byte('0'+n%10))
	case n < 1000:
		return append(b, digit(uint32(n)/100), digit(uint32(n)/10), digit(uint32(n)))
	}
	return strconv.AppendUint(b, n, 10)
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
		return appendMillionths(appendUint(b, uint64(n/1000)), uint64(n%1000)*1000)
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
	b = appendMillionths(appendUint(b, u/1e6), u%1e6)
	if python && u%1e6 == 0 {
		b = append(b, ".0"...)
	}
	return b
}

// appendMillionths appends n millionths, less than one, from the decimal point
// on and without needless zeros.
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

// appendRate appends the section for a rate; 0 stands for 1, which has none.
func appendRate(b []byte, rate float64) []byte {
	if rate == 0 {
		return b
	}
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

// tagsSize is how much appendTags appends.
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
// longest part of a line, so it looks at eight bytes at a time, the last of
// which may overlap with those before.
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
			if ch < ' ' || ch == bad1 || ch == bad2 {
				return false
			}
		}
		return true
	}
}

// dirty reports whether a byte of x is below ' ', or one of the two: then a top
// bit is set in a difference (Bit Twiddling Hacks, "Determine if a word has a
// byte less than n").
func dirty(x uint64, bad1, bad2 byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	x1, x2 := x^ones*uint64(bad1), x^ones*uint64(bad2)
	return ((x-ones*' ')&^x|(x1-ones)&^x1|(x2-ones)&^x2)&tops != 0
}
