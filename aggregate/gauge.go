package aggregate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// A gauge gets the value that it would have if one receiver had applied all its samples
// in the order of their times. It does not matter which shards received the samples, or in which order. So a cell keeps
// the newest setting with its time, and the adjustments with theirs. Only adjustments after the newest setting count.
// If times are equal, the setting comes first, and of two settings the greater one counts. So the result is the same
// for any order of adding.
//
// The cell of a gauge has three parts: the value of the newest setting (one word); its time, or 0 (one word); the
// place of the newest adjustment, or 0 (half a word). An adjustment has three words: the place of the next one in the
// lower half; its time; its amount. The newest adjustment comes first; the others have no order. The upper half of its
// first word is the number of adjustments. Some may be older than the setting; result leaves these out.
const (
	adjustmentWords = 3
	// maxAdjustments limits the adjustments that a gauge keeps in a shard and an interval. Further
	// adjustments are added to the newest one. The result is wrong only if a setting's time is between
	// the two.
	maxAdjustments = 1 << 16
	// noArrival marks the absence of an arrival: no sample has it.
	noArrival = -1
)

// gaugeTime returns the time of a gauge's sample; wall is its arrival by the system's clock, or 0
// for now. All samples of a datagram have the same arrival. So each sample gets a time that is a nanosecond after the
// previous one. This keeps their order, in any shard.
func (s *Shard) gaugeTime(wall int64) int64 {
	if wall != s.wall {
		return s.gaugeTimeAt(wall)
	}
	s.gaugeAt++
	return s.gaugeAt
}

// gaugeTimeAt does the same as gaugeTime, for an arrival that differs from the last one.
func (s *Shard) gaugeTimeAt(wall int64) int64 {
	var arrival int64
	if wall > 0 {
		arrival = s.arrivalAt(wall)
	} else {
		arrival = s.table.clock.now()
	}
	at := arrival
	if arrival >= s.arrival {
		at = max(at, s.gaugeAt+1)
	}
	s.wall, s.arrival, s.gaugeAt = wall, arrival, at
	return at
}

// arrivalAt returns the time for an arrival by the system's clock.
func (s *Shard) arrivalAt(wall int64) int64 {
	at := s.table.clock.at(wall)
	if at < s.arrival-maxStep { // it waited long, or the clock was set back
		s.table.clock.check(time.Now())
		at = s.table.clock.at(wall)
	}
	return at
}

func (s *Shard) addGauge(rec record, off int, sample *metric.Sample) {
	b, e := &s.blocks[s.flush&1], GaugeChange{s.gaugeTime(sample.At), sample.Value}
	if sample.Delta {
		adjustGauge(b, rec, off, e)
	} else {
		setGauge(b, rec, off, e)
	}
}

func setGauge(b *blocks, rec record, off int, e GaugeChange) {
	at, before := uint64(e.At), rec.word(off+8)
	if at < before || at == before && e.Value < math.Float64frombits(rec.word(off)) {
		return
	}
	rec.setWord(off, math.Float64bits(e.Value))
	rec.setWord(off+8, at)
	if place := rec.half(off + 16); place != 0 && b.at(place)[1] < at {
		rec.setHalf(off+16, 0)
	}
}

func adjustGauge(b *blocks, rec record, off int, e GaugeChange) {
	at := uint64(e.At)
	if at < rec.word(off+8) {
		return
	}
	first, count := rec.half(off+16), uint64(0)
	var newest []uint64
	if first != 0 {
		newest = b.at(first)
		count = newest[0] >> 32
		if newest[1] == at || count >= maxAdjustments {
			newest[2] = math.Float64bits(clamp(math.Float64frombits(newest[2]) + e.Value))
			return
		}
	}
	place := b.allocate(adjustmentWords)
	a := b.at(place)
	a[0], a[1], a[2] = uint64(first), at, math.Float64bits(e.Value)
	if first != 0 && at < newest[1] {
		a[0], newest[0] = newest[0], uint64(place)
		a, place = newest, first
	}
	a[0] = (count+1)<<32 | uint64(uint32(a[0]))
	rec.setHalf(off+16, place)
}

// gaugeMerge combines the shards' parts of one gauge, in any order.
type gaugeMerge struct {
	memory      memory // the newest
	set         GaugeChange
	adjustments []GaugeChange
}

// begin starts another gauge.
func (g *gaugeMerge) begin() { *g = gaugeMerge{adjustments: g.adjustments[:0]} }

// remember adds a record's remembered value, if it is newer than the present one.
func (g *gaugeMerge) remember(rec record) {
	if m := rec.memory(); m.after > g.memory.after {
		g.memory = m
	}
}

// add adds the content of a cell.
func (g *gaugeMerge) add(b *blocks, rec record, off int) {
	g.set = newest(g.set, rec, off)
	g.adjustments = appendAdjustments(g.adjustments, b, rec, off)
}

func (c GaugeChange) compare(o GaugeChange) int {
	return cmp.Or(cmp.Compare(c.At, o.At), cmp.Compare(c.Value, o.Value))
}

// newest returns the setting in a cell, or set if that is newer.
func newest(set GaugeChange, rec record, off int) GaugeChange {
	other := GaugeChange{int64(rec.word(off + 8)), math.Float64frombits(rec.word(off))}
	if other.At == 0 || set.compare(other) > 0 {
		return set
	}
	return other
}

// appendAdjustments appends the adjustments in a cell to dst.
func appendAdjustments(dst []GaugeChange, b *blocks, rec record, off int) []GaugeChange {
	for place := rec.half(off + 16); place != 0; {
		a := b.at(place)
		dst = append(dst, GaugeChange{int64(a[1]), math.Float64frombits(a[2])})
		place = uint32(a[0])
	}
	return dst
}

// result returns the gauge's value, and when it was last set. It adds in the order of
// time, so rounding does not depend on the shards.
func (g *gaugeMerge) result() (value float64, setAt int64) {
	value, setAt = g.set.Value, g.set.At
	if setAt < g.memory.setting || setAt == 0 {
		value, setAt = g.memory.value, g.memory.setting
	}
	slices.SortFunc(g.adjustments, GaugeChange.compare)
	for _, a := range g.adjustments {
		if a.At >= setAt {
			value = clamp(value + a.Value)
		}
	}
	return value, setAt
}
