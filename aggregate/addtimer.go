package aggregate

import (
	"math"
	"math/bits"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// The cell of a timer has two words. The first word is the sum of the samples' weights, a float64.
// Its sign bit is set if a sample was in milliseconds. The upper half of the second word is the
// number of samples. The lower half is the place of the last block. It includes the bit
// timerSketched, which is set if the last block refers to a sketch.
//
// The samples are in blocks. A block begins with the place of the previous block, and the samples
// follow. timerIndex computes the index of the next sample from the number of samples. So adding a
// sample does not have to read a block first.
//
// If a timer has a sketch, its last block refers to the sketch. The upper half of the first word of
// this block is the number of samples in the previous blocks. The second word is the index of the
// sketch.
//
// Many timers have only one sample in an interval, with a weight of 1. Such a timer needs no block. The first word of
// its cell is the sample, and the second word is timerSingle or timerSingleMillis. A timer with a block has a different
// second word, because no block is at place 0.
const (
	timerMillis   = 1 << 63
	timerSketched = 1 << 31

	timerSingle       = 1 << 32
	timerSingleMillis = timerSingle | timerSketched

	firstTimerBlock = 3
	maxTimerBlock   = 127
	// timerBlocksGrow is the total number of samples in the first blocks, which are smaller than
	// maxTimerBlock.
	timerBlocksGrow = 3 + 7 + 15 + 31 + 63
)

// timerIndexes contains the results of timerIndex for the first timerBlocksGrow samples.
var timerIndexes = func() (at [timerBlocksGrow]uint8) {
	for n, room := 0, firstTimerBlock; n < timerBlocksGrow; n, room = n+room, 2*room+1 {
		for i := range room {
			at[n+i] = uint8(i)
		}
	}
	return at
}()

// timerIndex returns the index of a timer's n-th sample within its block. Both n and the index
// count from 0.
func timerIndex(n int) int {
	if n < timerBlocksGrow {
		return int(timerIndexes[n])
	}
	return (n - timerBlocksGrow) % maxTimerBlock
}

// timerRoom returns the number of samples in the block whose first sample is the timer's n-th
// sample.
func timerRoom(n int) int { return min(n+firstTimerBlock+bits.Len(uint(n+1)/4), maxTimerBlock) }

// addWeight returns the first word of a timer's cell after a sample with this weight was added.
func addWeight(w uint64, weight float64, millis bool) uint64 {
	flag := w & timerMillis
	if millis {
		flag = timerMillis
	}
	return math.Float64bits(clamp(math.Float64frombits(w&^timerMillis)+weight)) | flag
}

// timerWeight returns a timer's weight, and whether it has samples in milliseconds.
func timerWeight(rec record, off int) (weight float64, millis bool) {
	if isSingle(rec.word(off + 8)) {
		return 1, rec.word(off+8) == timerSingleMillis
	}
	w := rec.word(off)
	return math.Float64frombits(w &^ timerMillis), w&timerMillis != 0
}

// isSingle reports whether the first word of a timer's cell is the timer's only sample. w is the
// second word.
func isSingle(w uint64) bool { return w&^timerSketched == timerSingle }

// addSingle stores the first sample of a timer in its cell, if the sample needs no block.
func addSingle(rec record, off int, s *metric.Sample) bool {
	if rec.word(off+8) != 0 || s.Weight != 1 {
		return false
	}
	rec.setWord(off, math.Float64bits(s.Value))
	if s.Millis {
		rec.setWord(off+8, timerSingleMillis)
	} else {
		rec.setWord(off+8, timerSingle)
	}
	return true
}

// moveSingle moves the only sample of a timer from its cell to a block.
func (b *blocks) moveSingle(rec record, off int) {
	if !isSingle(rec.word(off + 8)) {
		return
	}
	value := rec.word(off)
	weight, millis := timerWeight(rec, off)
	place := b.allocate(1 + min(timerRoom(0), b.maxSamples))
	block := b.at(place)
	block[0], block[1] = 0, value
	rec.setWord(off, addWeight(0, weight, millis))
	rec.setWord(off+8, timerSingle|uint64(place))
}

func addTimer(b *blocks, rec record, off int, s *metric.Sample) {
	w := rec.word(off + 8)
	if uint32(w)&^timerSketched == 0 { // the timer has no block
		if addSingle(rec, off, s) {
			return
		}
		b.moveSingle(rec, off)
		w = rec.word(off + 8)
	}
	rec.setWord(off, addWeight(rec.word(off), s.Weight, s.Millis))
	n := int(w >> 32)
	at := timerIndex(n)
	if w&timerSketched != 0 || n >= b.maxSamples {
		w = b.addToSketch(w, s.Value)
	} else {
		if at == 0 {
			before := w & math.MaxUint32
			w = uint64(n)<<32 | uint64(b.allocate(1+min(timerRoom(n), b.maxSamples-n)))
			b.at(uint32(w))[0] = before
		}
		b.at(uint32(w))[1+at] = math.Float64bits(s.Value)
	}
	rec.setWord(off+8, w+1<<32)
}

// addToSketch adds a sample to the sketch of a timer, and makes the sketch if there is none. It
// takes the second word of the timer's cell, and returns the new second word.
func (b *blocks) addToSketch(w uint64, v float64) uint64 {
	if w&timerSketched == 0 {
		w = b.putSketch(w, newSketch())
	}
	b.sketchAt(w).add(v)
	return w
}

// putSketch makes a block that refers to the sketch s. This block becomes the timer's last block.
// putSketch takes the second word of the timer's cell, and returns the new second word.
func (b *blocks) putSketch(w uint64, s *sketch) uint64 {
	place := b.allocate(2)
	block := b.at(place)
	block[0], block[1] = w, uint64(len(b.sketches))
	b.sketches = append(b.sketches, s)
	return w>>32<<32 | timerSketched | uint64(place)
}

func (b *blocks) sketchAt(w uint64) *sketch {
	return b.sketches[b.at(uint32(w) &^ timerSketched)[1]]
}

// sketchOf returns the sketch of a timer, or nil if the timer has none.
func sketchOf(b *blocks, rec record, off int) *sketch {
	w := rec.word(off + 8)
	if w&timerSketched == 0 || isSingle(w) {
		return nil
	}
	return b.sketchAt(w)
}

// timerBlocks returns the number of a timer's samples that are in blocks, and the place of the last
// block. The place is 0 if there is no block.
func timerBlocks(b *blocks, rec record, off int) (n int, place uint32) {
	w := rec.word(off + 8)
	if isSingle(w) {
		return 0, 0
	}
	if w&timerSketched != 0 {
		w = b.at(uint32(w) &^ timerSketched)[0]
	}
	return int(w >> 32), uint32(w)
}

// lastBlock returns the samples in the block at the given place, and the place of the block before it. n is the number
// of the timer's samples in this block and in all blocks before it.
func (b *blocks) lastBlock(n int, place uint32) (samples []uint64, before uint32) {
	block := b.at(place)
	return block[1 : 2+timerIndex(n-1)], uint32(block[0])
}

// appendSamples appends the samples in a timer's blocks to dst, beginning with the last block. It
// omits the samples in a sketch.
func appendSamples(dst []float64, b *blocks, rec record, off int) []float64 {
	if isSingle(rec.word(off + 8)) {
		return append(dst, math.Float64frombits(rec.word(off)))
	}
	n, place := timerBlocks(b, rec, off)
	dst = slices.Grow(dst, n)
	for n > 0 {
		var samples []uint64
		samples, place = b.lastBlock(n, place)
		for _, w := range samples {
			dst = append(dst, math.Float64frombits(w))
		}
		n -= len(samples)
	}
	return dst
}

// appendFirstSamples appends the first samples of a timer to dst, until dst has MaxPeeked samples.
func appendFirstSamples(dst []float64, b *blocks, rec record, off int) []float64 {
	if isSingle(rec.word(off+8)) && len(dst) < MaxPeeked {
		return append(dst, math.Float64frombits(rec.word(off)))
	}
	// The list of blocks begins with the newest block. oldest is a ring buffer for the last 8
	// blocks of the list, which are the oldest blocks. These blocks have room for more than
	// MaxPeeked samples.
	var oldest [8][]uint64
	last := 0
	for n, place := timerBlocks(b, rec, off); n > 0; last++ {
		ring := &oldest[last%len(oldest)]
		*ring, place = b.lastBlock(n, place)
		n -= len(*ring)
	}
	for i := last - 1; i >= max(0, last-len(oldest)) && len(dst) < MaxPeeked; i-- {
		samples := oldest[i%len(oldest)]
		for _, w := range samples[:min(len(samples), MaxPeeked-len(dst))] {
			dst = append(dst, math.Float64frombits(w))
		}
	}
	return dst
}
