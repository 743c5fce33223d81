package history

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// A block holds the figures of some flushes, one after the other, encoded. The first flush is whole.
// Of each later one only what changed is held:
//
//	time      signed varint: nanoseconds since the flush before, less the step of the block
//	groups    one bit for each 8 columns of which one or more changed
//	changed   for each such group, one bit for each column
//	values    of each changed column, as below
//
// A value is a varint whose last two bits tell the form:
//
//	00  whole number: the signed difference to the one before
//	01  fraction: the signed difference to the one before, in millionths
//	10  any other number: its 8 bytes follow
//	11  no value
type block struct {
	schema *schema
	data   []byte
	first  int64 // Unix nanoseconds of the first cut
	last   int64
	until  int64 // cuts from here on are forgotten, since the clock was set back
	step   int64
	cuts   int
}

// schema lists the columns of a block. It does not change.
type schema struct {
	columns []column
	bytes   int
}

// find returns the column with a name, -1 if there is none.
func (s *schema) find(name string) int {
	return slices.IndexFunc(s.columns, func(c column) bool { return c.name == name })
}

type column struct {
	name  string
	count bool
}

// The forms of a value.
const (
	formWhole = iota
	formMillionths
	formBits
	formNone
)

const (
	maxWhole      = 1 << 53
	maxMillionths = 1 << 32 // a fraction of a greater number is held as its bits
	million       = 1e6
)

// whole returns the whole number from which a difference is taken.
func whole(before float64) int64 {
	if math.Abs(before) <= maxWhole {
		return int64(before)
	}
	return 0
}

// millionths returns a number in millionths, 0 if it has too many.
func millionths(v float64) int64 {
	if math.Abs(v) < maxMillionths {
		return int64(math.Round(v * million))
	}
	return 0
}

// appendValue appends v, and returns what will be read: v, or v rounded to millionths.
func appendValue(dst []byte, before, v float64) ([]byte, float64) {
	switch {
	case v != v || math.IsInf(v, 0):
		return append(dst, formNone), gap
	case math.Abs(v) <= maxWhole && v == math.Trunc(v):
		return appendDifference(dst, int64(v)-whole(before), formWhole), v
	case math.Abs(v) < maxMillionths:
		n := millionths(v)
		return appendDifference(dst, n-millionths(before), formMillionths), float64(n) / million
	}
	return binary.LittleEndian.AppendUint64(append(dst, formBits), math.Float64bits(v)), v
}

// appendDifference appends a difference of less than 2^56.
func appendDifference(dst []byte, d int64, form uint64) []byte {
	return binary.AppendUvarint(dst, uint64(d<<1^d>>63)<<2|form)
}

// readValue reads what appendValue appended. ok is false if data is damaged.
func readValue(data []byte, before float64) (v float64, rest []byte, ok bool) {
	n, size := binary.Uvarint(data)
	if size <= 0 {
		return 0, nil, false
	}
	data = data[size:]
	form, n := n&3, n>>2
	difference := int64(n>>1) ^ -int64(n&1)
	switch form {
	case formWhole:
		return float64(whole(before) + difference), data, true
	case formMillionths:
		return float64(millionths(before)+difference) / million, data, true
	case formNone:
		return gap, data, true
	}
	if len(data) < 8 {
		return 0, nil, false
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(data)), data[8:], true
}

// cursor reads the cuts of a block.
type cursor struct {
	block  *block
	data   []byte
	at     int64     // of the current cut
	values []float64 // of the current cut, by column
	left   int
}

// start returns a cursor before the first cut. It may use the memory of values.
func (b *block) start(values []float64) cursor {
	values = append(values[:0], make([]float64, len(b.schema.columns))...)
	return cursor{block: b, data: b.data, at: b.first - b.step, values: values, left: b.cuts}
}

// next reads the next cut. It returns false at the end.
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

// readValues reads the changed values. It returns false if data is damaged.
func (c *cursor) readValues() bool {
	groups := c.data[:min(groupBytes(len(c.values)), len(c.data))]
	changed := 0
	for _, g := range groups {
		changed += bits.OnesCount8(g)
	}
	if len(groups) < groupBytes(len(c.values)) || len(c.data) < len(groups)+changed {
		return false
	}
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

// readGroup reads the changed values of 8 columns.
func (c *cursor) readGroup(first int, changed byte) (ok bool) {
	for ; changed != 0; changed &= changed - 1 {
		at := first + bits.TrailingZeros8(changed)
		if at >= len(c.values) {
			return false
		}
		if c.values[at], c.data, ok = readValue(c.data, c.values[at]); !ok {
			return false
		}
	}
	return true
}

// groupBytes returns the length of the bits of the groups.
func groupBytes(columns int) int { return (columns + 63) / 64 }

// appendCut appends the values that differ from those before, and changes before to what will be
// read.
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
	for i, v := range values {
		if differs(i) {
			dst, before[i] = appendValue(dst, before[i], v)
		}
	}
	return dst
}
