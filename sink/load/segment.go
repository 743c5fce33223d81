package load

import (
	"encoding/binary"

	"github.com/statsd-ops/statsd/metric"
)

// series is a name of one kind. Its number is its index in a history's list.
type series struct {
	kind metric.Kind
	name string
}

// segment holds the totals of many names within one minute. For each name, ordered by number, it
// stores the difference to the previous number and the encoded totals. It never changes.
type segment struct {
	minute int64 // Unix time / 60
	names  int
	data   []byte
}

// builder makes a segment from totals in the order of numbers.
type builder struct {
	segment
	last uint32
}

// begin adds a name. The caller then appends its totals to data.
func (b *builder) begin(number uint32) {
	b.data = binary.AppendUvarint(b.data, uint64(number-b.last))
	b.last = number
	b.names++
}

// done returns the segment, in exactly as much memory as it needs.
func (b *builder) done() *segment {
	s := b.segment
	s.data = append(make([]byte, 0, len(s.data)), s.data...)
	return &s
}

// cursor is a position in a segment, before the totals of a name.
type cursor struct {
	number uint32
	data   []byte // the rest of the data, beginning with the totals
	left   int    // remaining names, including this one
}

func (s *segment) start() cursor {
	c := cursor{data: s.data, left: s.names}
	c.readNumber()
	return c
}

func (c *cursor) readNumber() {
	if c.left > 0 {
		delta, rest := readUvarint(c.data)
		c.number, c.data = c.number+uint32(delta), rest
	}
}

// advance moves to the next name. rest begins after the totals of the current name. It returns the encoded totals of
// that name.
func (c *cursor) advance(rest []byte) (encoded []byte) {
	encoded = c.data[:len(c.data)-len(rest)]
	c.data = rest
	c.left--
	c.readNumber()
	return encoded
}

// merge yields, for each wanted name in the segments, oldest segment first, its number and totals.
// The totals are valid until the next call.
func merge(all []series, segments []*segment, wanted func(series) bool, yield func(uint32, *totals) bool) {
	cursors := make([]cursor, 0, len(segments))
	for _, s := range segments {
		cursors = append(cursors, s.start())
	}
	var t totals
	for {
		next, found := uint32(0), false
		for i := range cursors {
			if c := &cursors[i]; c.left > 0 && (!found || c.number < next) {
				next, found = c.number, true
			}
		}
		if !found {
			return
		}
		kind, want := all[next].kind, wanted(all[next])
		t.reset()
		for i := range cursors {
			c := &cursors[i]
			switch {
			case c.left == 0 || c.number != next:
			case want:
				c.advance(t.add(kind, c.data))
			default:
				c.advance(skip(kind, c.data))
			}
		}
		if want && !yield(next, &t) {
			return
		}
	}
}

// compact merges several segments of one minute into one.
func compact(all []series, segments []*segment) *segment {
	b := builder{segment: segment{minute: segments[0].minute}}
	every := func(series) bool { return true }
	merge(all, segments, every, func(number uint32, t *totals) bool {
		b.begin(number)
		b.data = t.append(b.data, all[number].kind)
		return true
	})
	return b.done()
}

// renumbered returns the segment with new numbers, whose order is the same. numbers holds each new number plus one.
func (s *segment) renumbered(all []series, numbers []uint32) *segment {
	b := builder{segment: segment{minute: s.minute}}
	for c := s.start(); c.left > 0; {
		b.begin(numbers[c.number] - 1)
		b.data = append(b.data, c.advance(skip(all[c.number].kind, c.data))...)
	}
	return b.done()
}
