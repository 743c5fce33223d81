package client

import (
	"encoding/binary"
	"math"
)

// sample is a call's arguments.
type sample struct {
	kind kind
	name string
	v    value
	rate float64 // 0 stands for 1
	tags []string
}

// plain reports whether the name alone tells s apart.
func (s *sample) plain(c *Client) bool {
	return s.rate == 0 && c.byName(s.tags)
}

// byName is plain for a sample without a rate.
func (c *Client) byName(tags []string) bool { return len(tags) == 0 && c.enc.scope == "" }

// appendKey appends what tells s apart. All but the scope, which comes last,
// says itself where it ends, so that no two samples have one key by chance.
func appendKey(b []byte, c *Client, s *sample) []byte {
	b = appendLen(b, 2*len(s.tags)+bit(s.rate != 0))
	for _, tag := range s.tags {
		b = append(appendLen(b, len(tag)), tag...)
	}
	b = append(appendLen(b, len(s.name)), s.name...)
	if s.rate != 0 {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.rate))
	}
	return append(b, c.enc.scope...)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// appendLen is binary.AppendUvarint, which is not inlined.
func appendLen(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	return binary.AppendUvarint(b, uint64(n))
}
