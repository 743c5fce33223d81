package load

import (
	"encoding/binary"

	"github.com/statsd-ops/statsd/metric"
)

// series is a name of one kind. The number of a series is its index in the history's list.
type series struct {
	kind metric.Kind
	name string
}

// segment contains the totals of many names within one minute. The names are sorted by number. For each name it
// stores the difference to the previous number and the encoded totals. It is immutable.
type segment struct {
	minute int64 // Unix time divided by 60
	names  int
	data   []byte
}

// builder builds a segment. The names must be added in the order of their numbers.
type builder struct {
	segment
	last uint32
}

// begin adds a name. The caller then appends the encoded totals to data.
func (b *builder) begin(number uint32) {
	b.data = binary.AppendUvarint(b.data, uint64(number-b.last))
	b.last = number
	b.names++
}

// done returns the segment in a slice without spare capacity.
func (b *builder) done() *segment {
	s := b.segment
	s.data = append(make([]byte, 0, len(s.data)), s.data...)
	return &s
}

// cursor is a position in a segment, before the totals of a name.
type cursor struct {
	number uint32
	data   []byte // remaining data, starting with the totals of the current name
	left   int    // number of remaining names, including the current name
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

// advance returns the encoded totals of the name at the cursor, and moves the cursor to the next
// name. The parameter rest is the data after these totals.
func (c *cursor) advance(rest []byte) (encoded []byte) {
	encoded = c.data[:len(c.data)-len(rest)]
	c.data = rest
	c.left--
	c.readNumber()
	return encoded
}

// merge yields the number and the totals of each requested name in the segments. It adds totals from the oldest
// to the latest segment. The totals are valid until the next call of yield.
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

// compact merges several segments of one minute into one segment.
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

// renumbered returns the segment with new numbers. The order of the names is unchanged. For each old
// number, the parameter numbers contains the new number plus 1.
func (s *segment) renumbered(all []series, numbers []uint32) *segment {
	b := builder{segment: segment{minute: s.minute}}
	for c := s.start(); c.left > 0; {
		b.begin(numbers[c.number] - 1)
		b.data = append(b.data, c.advance(skip(all[c.number].kind, c.data))...)
	}
	return b.done()
}
