package partial

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// reader reads numbers and text. After an error, it sets bad and returns zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return v
	}
	return r.longUvarint()
}

func (r *reader) longUvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.rest, r.bad = nil, true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// count reads a whole number. A number greater than the parameter most is an error.
func (r *reader) count(most int) int {
	v := r.uvarint()
	if v > uint64(most) {
		r.rest, r.bad = nil, true
		return 0
	}
	return int(v)
}

// limit returns n if the remaining bytes are enough for n items of at least size bytes. Otherwise
// it sets bad and returns 0.
func (r *reader) limit(n uint64, size int) int {
	if hi, need := bits.Mul64(n, uint64(size)); hi > 0 || need > uint64(len(r.rest)) {
		r.rest, r.bad = nil, true
		return 0
	}
	return int(n)
}

func (r *reader) text(most int) []byte {
	n := r.limit(uint64(r.count(most)), 1)
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *reader) fixed() uint64 {
	if len(r.rest) < 8 {
		r.rest, r.bad = nil, true
		return 0
	}
	v := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

func (r *reader) number() float64 {
	if len(r.rest) > 0 && r.rest[0] == 1 {
		r.rest = r.rest[1:]
		return math.Float64frombits(r.fixed())
	}
	v := r.uvarint()
	if v&1 != 0 {
		r.bad = true
	}
	v >>= 1
	return float64(int64(v>>1) ^ -int64(v&1))
}
