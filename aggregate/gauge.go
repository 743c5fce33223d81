package aggregate

import (
	"cmp"
	"math"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// A gauge adjusted through one receiver and set through another must come out
// as if one had read both. So each batch has a sequence number, and a cell
// keeps the last setting with its number, and the adjustments since then with
// theirs; merging cells, only the adjustments after the newest setting count.
//
// The cell of a gauge: the value set; its sequence number plus one, 0 when it
// was not set; the number of its adjustments in the upper half of a word, in
// the lower the place of the newest. An adjustment: the place of the one
// before it; its sequence number; its amount.
const (
	adjustmentWords = 3
	// mostAdjustments bounds what one gauge may keep of an interval. Beyond it
	// an adjustment is added to the newest, and could only come out wrong if
	// another receiver had read a setting just between the two.
	mostAdjustments = 1 << 16
)

func addGauge(b *blocks, rec record, off int, s *metric.Sample, sequence uint64) {
	if !s.Delta {
		rec.setWord(off, math.Float64bits(s.Value))
		rec.setWord(off+8, sequence+1)
		rec.setWord(off+16, 0)
		return
	}
	w := rec.word(off + 16)
	place, count := uint32(w), w>>32
	if place == 0 && rec.word(off+8) == sequence+1 {
		rec.setWord(off, addAmount(rec.word(off), s.Value))
		return
	}
	if place != 0 {
		if a := b.at(place); a[1] == sequence || count >= mostAdjustments {
			a[2] = addAmount(a[2], s.Value)
			return
		}
	}
	before := place
	place = b.allocate(adjustmentWords)
	a := b.at(place)
	a[0], a[1], a[2] = uint64(before), sequence, math.Float64bits(s.Value)
	rec.setWord(off+16, (count+1)<<32|uint64(place))
}

func addAmount(w uint64, v float64) uint64 {
	return math.Float64bits(clamp(math.Float64frombits(w) + v))
}

// gaugeMerge puts the cells of one gauge together.
type gaugeMerge struct {
	value       float64
	setAt       uint64 // sequence number of the newest setting plus one
	remembered  uint64 // the flush after which value was remembered, if it was not set
	adjustments []adjustment
}

type adjustment struct {
	sequence uint64
	amount   float64
}

// begin starts on another gauge.
func (g *gaugeMerge) begin() { *g = gaugeMerge{adjustments: g.adjustments[:0]} }

// remember takes over the value that a record remembers, if that is the newest.
func (g *gaugeMerge) remember(rec record) {
	if at := rec.rememberedAt(); at > g.remembered && g.setAt == 0 {
		g.value, g.remembered = math.Float64frombits(rec.word(gaugeMemory)), at
	}
}

func (g *gaugeMerge) add(b *blocks, rec record, off int) {
	if at := rec.word(off + 8); at > g.setAt {
		g.value, g.setAt = math.Float64frombits(rec.word(off)), at
	}
	for place := uint32(rec.word(off + 16)); place != 0; {
		a := b.at(place)
		g.adjustments = append(g.adjustments, adjustment{a[1], math.Float64frombits(a[2])})
		place = uint32(a[0])
	}
}

func (g *gaugeMerge) result() float64 {
	slices.SortFunc(g.adjustments, func(a, b adjustment) int { return cmp.Compare(a.sequence, b.sequence) })
	for _, a := range g.adjustments {
		if a.sequence+1 >= g.setAt {
			g.value = clamp(g.value + a.amount)
		}
	}
	return g.value
}
