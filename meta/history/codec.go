package history

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// A block contains several encoded cuts. A cut is the figures of one flush or minute. The first cut is complete. Each
// later cut contains only changes:
//
//	time      signed varint: nanoseconds since the previous cut, minus the step of the block
//	groups    one bit for each group of 8 columns; it is set if a column in the group has changed
//	changed   for each such group, one bit for each column; it is set if the column has changed
//	values    the values of the changed columns
//
// A value is a varint. Its last two bits are the form:
//
//	00  whole number: the signed difference to the previous value
//	01  fraction: the signed difference to the previous value in thousandths
//	10  fraction: the signed difference to the previous value in millionths
//	11  the other bits are one of these numbers:
//	    0  no value
//	    1  any other number: its 8 bytes follow
//	    2  form and difference are the same as in the previous changed column, because many figures grow equally
type block struct {
	schema *schema
	data   []byte
	first  int64 // time of the first cut in Unix nanoseconds
	last   int64
	until  int64 // cuts at or after this time are not valid, because the clock was set back
	step   int64
	cuts   int
}

// schema lists the columns of a block. It is never modified.
type schema struct {
	columns []column
	bytes   int
}

// find returns the index of the column with a name, or -1 if there is none.
func (s *schema) find(name string) int {
	return slices.IndexFunc(s.columns, func(c column) bool { return c.name == name })
}

type column struct {
	name  string
	count bool
}

// These are the forms in which a value is encoded.
const (
	formWhole = iota
	formThousandths
	formMillionths
	formOther
)

const (
	noValue   = 0<<2 | formOther
	bitsAfter = 1<<2 | formOther
	alike     = 2<<2 | formOther
)

// units says, for each form, how many units make the number 1. For example, 1000 thousandths make 1.
var units = [3]float64{formWhole: 1, formThousandths: 1e3, formMillionths: 1e6}

// Whole numbers beyond maxWhole and fractions beyond maxFraction, with either sign, are stored as
// the eight bytes of their float64.
const (
	maxWhole    = 1 << 53
	maxFraction = 1 << 32
)

// inUnits converts a number to units. It returns 0 if the number is too large.
func inUnits(v float64, form int) int64 {
	if v *= units[form]; math.Abs(v) <= maxWhole {
		return int64(math.Round(v))
	}
	return 0
}

// formOf returns the shortest form for a number. Fractions are rounded to millionths.
func formOf(v float64) int {
	size := math.Abs(v)
	switch {
	case size <= maxWhole && v == math.Trunc(v):
		return formWhole
	case !(size < maxFraction):
		return formOther
	case math.Round(v*1e3)/1e3 == v:
		return formThousandths
	}
	return formMillionths
}

// change is an encoded difference between two values: the difference in units, and the form.
type change uint64

func newChange(form int, d int64) change { return change(uint64(d<<1^d>>63)<<2 | uint64(form)) }

func (c change) form() int         { return int(c & 3) }
func (c change) difference() int64 { return int64(c>>3) ^ -int64(c>>2&1) }

// apply adds the change to the value in the parameter before.
func (c change) apply(before float64) float64 {
	return float64(inUnits(before, c.form())+c.difference()) / units[c.form()]
}

// appendValue encodes the value v. It returns the value that a reader decodes, which is v, or v
// rounded to millionths. The parameter last is the previous change in the same cut.
func appendValue(dst []byte, before, v float64, last *change) ([]byte, float64) {
	form := formOf(v)
	switch {
	case v != v || math.IsInf(v, 0):
		return append(dst, noValue), gap
	case form == formOther:
		return binary.LittleEndian.AppendUint64(append(dst, bitsAfter), math.Float64bits(v)), v
	}
	c := newChange(form, inUnits(v, form)-inUnits(before, form)) // the difference is less than 2^55
	if v = c.apply(before); c == *last {
		return append(dst, alike), v
	}
	*last = c
	return binary.AppendUvarint(dst, uint64(c)), v
}

// readValue decodes a value that appendValue has encoded. The result ok is false if the data is
// damaged.
func readValue(data []byte, before float64, last *change) (v float64, rest []byte, ok bool) {
	n, size := binary.Uvarint(data)
	if size <= 0 {
		return 0, nil, false
	}
	data = data[size:]
	switch {
	case change(n).form() != formOther:
		*last = change(n)
		return last.apply(before), data, true
	case n == alike:
		return last.apply(before), data, true
	case n == noValue:
		return gap, data, true
	case n != bitsAfter || len(data) < 8:
		return 0, nil, false
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(data)), data[8:], true
}

// cursor reads the cuts of a block. A cut is the values of one flush or minute.
type cursor struct {
	block  *block
	data   []byte
	at     int64     // time of the current cut
	values []float64 // values of the current cut, by column
	left   int
	last   change // the last change in the current cut
}

// start returns a cursor that points before the first cut. It may reuse the memory of values.
func (b *block) start(values []float64) cursor {
	values = append(values[:0], make([]float64, len(b.schema.columns))...)
	return cursor{block: b, data: b.data, at: b.first - b.step, values: values, left: b.cuts}
}

// next reads the next cut. It returns false if there is none.
func (c *cursor) next() bool {
	if c.left == 0 {
		return false
	}
	c.left--
	since, size := binary.Varint(c.data)
	if size <= 0 {
		return false
	}
	c.data = c.data[size:]
	c.at += c.block.step + since
	return c.readValues() && c.at < c.block.until
}

// readValues reads the changed values of a cut. It returns false if the data is damaged.
func (c *cursor) readValues() bool {
	groups := c.data[:min(groupBytes(len(c.values)), len(c.data))]
	changed := 0
	for _, g := range groups {
		changed += bits.OnesCount8(g)
	}
	if len(groups) < groupBytes(len(c.values)) || len(c.data) < len(groups)+changed {
		return false
	}
	c.last = 0
	masks := c.data[len(groups):]
	c.data = masks[changed:]
	for i, group := range groups {
		for ; group != 0; group &= group - 1 {
			first := 8 * (8*i + bits.TrailingZeros8(group))
			if !c.readGroup(first, masks[0]) {
				return false
			}
			masks = masks[1:]
		}
	}
	return true
}

// readGroup reads the changed values in a group of 8 columns.
func (c *cursor) readGroup(first int, changed byte) (ok bool) {
	for ; changed != 0; changed &= changed - 1 {
		at := first + bits.TrailingZeros8(changed)
		if at >= len(c.values) {
			return false
		}
		if c.values[at], c.data, ok = readValue(c.data, c.values[at], &c.last); !ok {
			return false
		}
	}
	return true
}

// groupBytes returns the length of the encoded field "groups" in bytes.
func groupBytes(columns int) int { return (columns + 63) / 64 }

// appendCut encodes the elements of values that differ from the elements of before. It then replaces these elements of
// before by the values that a reader will decode.
func appendCut(dst []byte, before, values []float64) []byte {
	groups := len(dst)
	dst = append(dst, make([]byte, groupBytes(len(values)))...)
	differs := func(i int) bool { return values[i] != before[i] && (values[i] == values[i] || before[i] == before[i]) }
	for i := range values {
		if !differs(i) {
			continue
		}
		g := i / 8
		if bit := byte(1) << (g % 8); dst[groups+g/8]&bit == 0 {
			dst[groups+g/8] |= bit
			dst = append(dst, 0)
		}
		dst[len(dst)-1] |= 1 << (i % 8)
	}
	last := change(0)
	for i, v := range values {
		if differs(i) {
			dst, before[i] = appendValue(dst, before[i], v, &last)
		}
	}
	return dst
}
