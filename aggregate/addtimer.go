package aggregate

import (
	"math"
	"math/bits"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// The cell of a timer has two words. The first is the sum of the samples' weights, a
// float64; its sign bit is set if a sample was in milliseconds. The second has the
// number of samples in the upper half, and the place of the last block in the lower
// half. Its bit timerSketched is set if that block holds a sketch.
//
// A block begins with the place of the block before it. The samples follow. The number
// of samples tells where the next one goes: see timerIndex. So adding a sample does not
// wait for a header.
//
// The block of a sketch is the last one. It has the number of samples in the blocks
// before it in the upper half of its first word, and the index of the sketch in its
// second word.
//
// Many timers have one sample in an interval, with a weight of 1. It needs no block: its value
// is the first word of the cell, and the second word is timerSingle or timerSingleMillis. No block
// is at place 0, so no other timer has these words.
const (
	timerMillis   = 1 << 63
	timerSketched = 1 << 31

	timerSingle       = 1 << 32
	timerSingleMillis = timerSingle | timerSketched

	firstTimerBlock = 3
	maxTimerBlock   = 127
	// timerBlocksGrow is the number of samples in the blocks that are smaller than maxTimerBlock.
	timerBlocksGrow = 3 + 7 + 15 + 31 + 63
)

// timerIndexes has what timerIndex returns for the first samples.
var timerIndexes = func() (at [timerBlocksGrow]uint8) {
	for n, room := 0, firstTimerBlock; n < timerBlocksGrow; n, room = n+room, 2*room+1 {
		for i := range room {
			at[n+i] = uint8(i)
		}
	}
	return at
}()

// timerIndex returns the index of a timer's n-th sample in its block, both from 0.
func timerIndex(n int) int {
	if n < timerBlocksGrow {
		return int(timerIndexes[n])
	}
	return (n - timerBlocksGrow) % maxTimerBlock
}

// timerRoom returns the number of samples in the block that starts with the n-th sample.
func timerRoom(n int) int { return min(n+firstTimerBlock+bits.Len(uint(n+1)/4), maxTimerBlock) }

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
	if isSingle(rec.word(off + 8)) {
		return 1, rec.word(off+8) == timerSingleMillis
	}
	w := rec.word(off)
	return math.Float64frombits(w &^ timerMillis), w&timerMillis != 0
}

// isSingle reports whether a timer's cell holds its only sample in the first word, given the second word.
func isSingle(w uint64) bool { return w&^timerSketched == timerSingle }

// addSingle adds the first sample to a timer's cell if that needs no block.
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

// moveSingle moves the only sample from a timer's cell to a block.
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
	if uint32(w)&^timerSketched == 0 { // it has no block
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

// addToSketch adds to the sketch of a timer, given the second word of its cell. It
// returns that word.
func (b *blocks) addToSketch(w uint64, v float64) uint64 {
	if w&timerSketched == 0 {
		w = b.putSketch(w, newSketch())
	}
	b.sketchAt(w).add(v)
	return w
}

// putSketch adds a block with a sketch after a timer's last block, given the second word of its cell. It returns that
// word.
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

// sketchOf returns the sketch of a timer's cell, or nil.
func sketchOf(b *blocks, rec record, off int) *sketch {
	w := rec.word(off + 8)
	if w&timerSketched == 0 || isSingle(w) {
		return nil
	}
	return b.sketchAt(w)
}

// timerBlocks returns the number of a timer's samples that are in blocks, and the place
// of the last block, or 0.
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

// lastBlock returns the last samples of the first n of a timer, given the place of their
// block, and the place of the block before.
func (b *blocks) lastBlock(n int, place uint32) (samples []uint64, before uint32) {
	block := b.at(place)
	return block[1 : 2+timerIndex(n-1)], uint32(block[0])
}

// appendSamples appends the samples of a timer's cell to dst, the last block first.
// Samples in a sketch are left out.
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

// appendFirstSamples appends the first samples of a timer's cell to dst, until dst has
// MaxPeeked.
func appendFirstSamples(dst []float64, b *blocks, rec record, off int) []float64 {
	if isSingle(rec.word(off+8)) && len(dst) < MaxPeeked {
		return append(dst, math.Float64frombits(rec.word(off)))
	}
	// The oldest blocks, in a ring. Five have room for more than MaxPeeked.
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
