package aggregate

import (
	"math"
	"math/bits"
)

// counterSeen is the cell of a counter whose sum is zero. It is the bit pattern of the float64 -0,
// because a cell with all bits zero means that the interval has no sample of the counter.
const counterSeen = 1 << 63

// addCounter adds v to the sum in a counter's cell. The sum is a float64.
func addCounter(rec record, off int, v float64) {
	sum := math.Float64frombits(rec.word(off)) + v
	w := math.Float64bits(clamp(sum))
	if w == 0 {
		w = counterSeen
	}
	rec.setWord(off, w)
}

// clamp replaces an infinite sum by the greatest finite float64.
func clamp(v float64) float64 {
	if v-v != 0 {
		return math.Copysign(math.MaxFloat64, v)
	}
	return v
}

// The cell of a set has two words. The upper half of the first word is the number of members. Its lower half is 1 plus
// the base-2 logarithm of the table's size, or 0 if there is no table. The second word is the place of the table (see
// blocks.allocate), or the index of a large table in blocks.large. The table uses open addressing. It holds the 64-bit
// hashes of the members. A hash is never 0. The probability that two of n members have the same hash is n²/2⁶⁵: one in
// 37 million for a million members.
const (
	firstSetLog = 2
	largeSetLog = blockPageShift // base-2 logarithm of the size of the smallest table in blocks.large
)

func setTable(b *blocks, rec record, off int) []uint64 {
	log := uint32(rec.word(off))
	switch {
	case log == 0:
		return nil
	case log-1 >= largeSetLog:
		return b.large[rec.word(off+8)]
	default:
		return b.at(uint32(rec.word(off + 8)))[:1<<(log-1)]
	}
}

// newSetTable allocates an empty table of 1<<log slots for a set.
func newSetTable(b *blocks, rec record, off int, log int) []uint64 {
	count := rec.word(off) >> 32
	rec.setWord(off, count<<32|uint64(log+1))
	if log >= largeSetLog {
		b.large = append(b.large, make([]uint64, 1<<log))
		rec.setWord(off+8, uint64(len(b.large)-1))
	} else {
		place := b.allocate(1 << log)
		clear(b.at(place)[:1<<log])
		rec.setWord(off+8, uint64(place))
	}
	return setTable(b, rec, off)
}

// setMember is a member to add to a set, and the maximum number of members of the set.
type setMember struct {
	hash uint64
	max  int
}

// addMember adds a member to a set. It returns false if the set is full and does not contain the
// member.
func addMember(b *blocks, rec record, off int, m setMember) bool {
	table := setTable(b, rec, off)
	if table == nil {
		table = newSetTable(b, rec, off, firstSetLog)
	}
	if int(rec.word(off)>>32) >= m.max {
		return hasMember(table, m.hash)
	}
	if !insertMember(table, m.hash) {
		return true
	}
	count := rec.word(off)>>32 + 1
	rec.setWord(off, count<<32|rec.word(off)&math.MaxUint32)
	if int(count)*4 > len(table)*3 {
		if log := bits.Len(uint(len(table))); log > largeSetLog {
			// Release the old table. Otherwise its memory would be freed only when the interval is over.
			b.large[rec.word(off+8)] = nil
		}
		larger := newSetTable(b, rec, off, bits.Len(uint(len(table))))
		for _, h := range table {
			if h != 0 {
				insertMember(larger, h)
			}
		}
	}
	return true
}

// appendMembers appends the hashes of the members in a set's cell to dst.
func appendMembers(dst []uint64, b *blocks, rec record, off int) []uint64 {
	for _, hash := range setTable(b, rec, off) {
		if hash != 0 {
			dst = append(dst, hash)
		}
	}
	return dst
}

func hasMember(table []uint64, hash uint64) bool {
	mask := len(table) - 1
	for i := int(hash) & mask; table[i] != 0; i = (i + 1) & mask {
		if table[i] == hash {
			return true
		}
	}
	return false
}

// insertMember adds a hash to a table. It reports whether the hash is new.
func insertMember(table []uint64, hash uint64) bool {
	mask := len(table) - 1
	i := int(hash) & mask
	for table[i] != 0 {
		if table[i] == hash {
			return false
		}
		i = (i + 1) & mask
	}
	table[i] = hash
	return true
}
