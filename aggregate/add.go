package aggregate

import (
	"math"
	"math/bits"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// counterSeen is the cell of a counter whose sum is zero: the negative zero of a
// float64. A cell of all zero bits means that the counter was not seen.
const counterSeen = 1 << 63

// addCounter adds to the sum in a counter's cell, a float64.
func addCounter(rec record, off int, v float64) {
	sum := math.Float64frombits(rec.word(off)) + v
	w := math.Float64bits(clamp(sum))
	if w == 0 {
		w = counterSeen
	}
	rec.setWord(off, w)
}

// clamp keeps a sum finite.
func clamp(v float64) float64 {
	if v-v != 0 {
		return math.Copysign(math.MaxFloat64, v)
	}
	return v
}

// The cell of a timer has two words. The first is the sum of the samples' weights, a
// float64; its sign bit is set if a sample was in milliseconds. The second has the
// number of samples in the upper half, and the place of the last block in the lower
// half.
//
// A block begins with a header: how many samples it has room for (bits 48-63), how
// many it holds (bits 32-47), and the place of the block before it (bits 0-31). The
// samples follow. A block without room holds the index of a sketch, which takes the
// samples beyond the limit.
const (
	firstTimerBlock = 3
	maxTimerBlock   = 127
	timerMillis     = 1 << 63
)

// addWeight returns the first word of a timer's cell with more weight.
func addWeight(w uint64, weight float64, millis bool) uint64 {
	flag := w & timerMillis
	if millis {
		flag = timerMillis
	}
	return math.Float64bits(clamp(math.Float64frombits(w&^timerMillis)+weight)) | flag
}

// timerWeight returns a timer's weight, and whether it has samples in milliseconds.
func timerWeight(rec record, off int) (weight float64, millis bool) {
	w := rec.word(off)
	return math.Float64frombits(w &^ timerMillis), w&timerMillis != 0
}

func addTimer(b *blocks, rec record, off int, s *metric.Sample) {
	rec.setWord(off, addWeight(rec.word(off), s.Weight, s.Millis))
	w := rec.word(off + 8)
	place := uint32(w)
	var block []uint64
	if place != 0 {
		block = b.at(place)
	}
	if place == 0 || uint16(block[0]>>48) == uint16(block[0]>>32) {
		if sketched := place != 0 && block[0]>>48 == 0; sketched || int(w>>32) >= b.maxSamples {
			place = b.addToSketch(place, s.Value)
			rec.setWord(off+8, (w>>32+1)<<32|uint64(place))
			return
		}
		room := firstTimerBlock
		if place != 0 {
			room = min(2*int(block[0]>>48)+1, maxTimerBlock)
		}
		room = min(room, b.maxSamples-int(w>>32))
		before := place
		place = b.allocate(1 + room)
		block = b.at(place)
		block[0] = uint64(room)<<48 | uint64(before)
	}
	held := uint16(block[0] >> 32)
	block[1+held] = math.Float64bits(s.Value)
	block[0] += 1 << 32
	rec.setWord(off+8, (w>>32+1)<<32|uint64(place))
}

// addToSketch adds to the sketch of the timer whose last block is at place. It returns
// the place of the sketch's block.
func (b *blocks) addToSketch(place uint32, v float64) uint32 {
	if b.at(place)[0]>>48 != 0 {
		place = b.putSketch(place, newSketch())
	}
	b.sketches[b.at(place)[1]].add(v)
	return place
}

// putSketch adds a block with a sketch behind a timer's last block. It returns its place.
func (b *blocks) putSketch(before uint32, s *sketch) (place uint32) {
	place = b.allocate(2)
	block := b.at(place)
	block[0], block[1] = uint64(before), uint64(len(b.sketches))
	b.sketches = append(b.sketches, s)
	return place
}

// sketchOf returns the sketch of a timer's cell, or nil.
func sketchOf(b *blocks, rec record, off int) *sketch {
	place := uint32(rec.word(off + 8))
	if place == 0 {
		return nil
	}
	block := b.at(place)
	if block[0]>>48 != 0 {
		return nil
	}
	return b.sketches[block[1]]
}

// appendSamples appends the samples of a timer's cell to dst, the last block first.
// Samples in a sketch are left out.
func appendSamples(dst []float64, b *blocks, rec record, off int) []float64 {
	w := rec.word(off + 8)
	dst = slices.Grow(dst, min(int(w>>32), b.maxSamples))
	for place := uint32(w); place != 0; {
		block := b.at(place)
		held := uint16(block[0] >> 32)
		for _, w := range block[1 : 1+held] {
			dst = append(dst, math.Float64frombits(w))
		}
		place = uint32(block[0])
	}
	return dst
}

// The cell of a set has two words. The first has the number of members in the upper
// half, and the logarithm of the table's size plus one in the lower half. The second
// is the place of the table, or its index among the large ones. The table holds the
// 64-bit hashes of the members, never 0, in open addressing. The probability that two
// of n members share a hash is n²/2⁶⁵: one in 37 million for a million members.
const (
	firstSetLog = 2
	largeSetLog = blockPageShift // tables of this size and above do not fit in a block
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

// newSetTable gives the set an empty table of 1<<log slots.
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

// setMember is a member to add, and the maximum number of members of its set.
type setMember struct {
	hash uint64
	max  int
}

// addMember returns false if the set is full and does not have the member.
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
			// The old table is not needed again.
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

// appendMembers appends the members of a set's cell to dst.
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

// insertMember reports whether hash is new.
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
