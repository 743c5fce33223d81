package wire

import (
	"bytes"
	"math"

	"github.com/statsd-ops/statsd/metric"
)

// This file parses what only Etsy's statsd accepts. Its code runs only in Etsy's dialect, and only
// for values that the other dialects would refuse.

// otherKind returns the kind for a type that is not one of the usual types. Etsy's statsd ignores
// white space around a type, and treats every unknown type as a counter.
func (p *Parser) otherKind(letters []byte) (kind metric.Kind, known bool) {
	if p.Dialect != metric.Etsy || len(letters) > 0 && letters[0] == '#' {
		return 0, false
	}
	kind, _ = kindOf(p.Dialect.Trim(letters)) // the kind is a counter if the type is unknown
	return kind, true
}

// readOtherSection reads a section that does not start with #, @ or T. The section can contain the id of a container,
// which becomes a tag. In Etsy's dialect the section can also be a rate with white space before the @.
func (p *Parser) readOtherSection(section []byte) {
	if p.Containers && bytes.HasPrefix(section, []byte("c:")) {
		p.group.container = section[2:]
		return
	}
	if p.Dialect != metric.Etsy {
		return
	}
	if section = p.Dialect.Trim(section); len(section) > 0 && section[0] == '@' {
		p.readRate(section[1:])
	}
}

// otherNumber parses the finite numbers that JavaScript's function Number accepts and the Go
// function number does not: numbers with white space around them; white space alone, which is 0;
// hexadecimal, octal and binary integers.
func (p *Parser) otherNumber(b []byte) (v float64, ok bool) {
	if p.Dialect != metric.Etsy {
		return 0, false
	}
	trimmed := p.Dialect.Trim(b)
	if len(trimmed) == 0 {
		return 0, len(b) > 0
	}
	if len(trimmed) > 2 && trimmed[0] == '0' {
		switch trimmed[1] | 0x20 {
		case 'x':
			return radixInteger(trimmed[2:], 4)
		case 'o':
			return radixInteger(trimmed[2:], 3)
		case 'b':
			return radixInteger(trimmed[2:], 1)
		}
	}
	return number(trimmed)
}

// radixInteger parses an integer. The parameter bits is the number of bits of each digit. The result is the nearest
// float64. It returns false for an integer that exceeds the range of float64.
func radixInteger(digits []byte, bits int) (v float64, ok bool) {
	var mantissa uint64
	exponent := 0
	for _, c := range digits {
		d := digit(c)
		if d >= 1<<bits {
			return 0, false
		}
		if mantissa < 1<<(63-bits) {
			mantissa = mantissa<<bits | uint64(d)
			continue
		}
		exponent += bits
		if d != 0 {
			mantissa |= 1 // a digit far below the precision affects only the rounding of a tie
		}
	}
	v = math.Ldexp(float64(mantissa), exponent)
	return v, finite(v)
}

// digit returns the value of a hexadecimal digit. For any other byte it returns 255.
func digit(c byte) uint8 {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
