package aggregate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// The value of a gauge must not depend on which shards received its samples, or in which order. It
// is the value that results if all samples are applied in the order of their times. So a cell
// stores the newest setting with its time, and the adjustments with their times. Only adjustments
// after the newest setting count. If a setting and an adjustment have equal times, the setting is
// applied first. If two settings have equal times, the greater one counts.
//
// The cell of a gauge has three parts: the value of the newest setting (one word); the time of the
// setting, or 0 (one word); the place of the newest adjustment, or 0 (half a word). An adjustment
// has three words. The lower half of the first word is the place of the next adjustment. The second
// word is the time, and the third word is the amount. The newest adjustment is the first in the
// list; the other adjustments have no order. The upper half of the first word of the newest
// adjustment is the number of adjustments. Some adjustments may be older than the setting; the method result
// ignores them.
const (
	adjustmentWords = 3
	// maxAdjustments limits the adjustments that a gauge stores in one shard during one interval. The
	// amounts of further adjustments are added to the newest stored adjustment. The result is wrong
	// only if the time of a setting lies between two adjustments that were added together.
	maxAdjustments = 1 << 16
	// noArrival is the value of Shard.wall before the first gauge sample of a batch. No sample has this time of arrival.
	noArrival = -1
)

// gaugeTime returns the time of a gauge's sample. wall is the sample's time of arrival by the
// system's clock, or 0 for the current time. All samples of a datagram have the same time of
// arrival. So each sample gets a time that is a nanosecond later than the time of the previous
// sample. This keeps their order, whatever shard they are in.
func (s *Shard) gaugeTime(wall int64) int64 {
	if wall != s.wall {
		return s.gaugeTimeAt(wall)
	}
	s.gaugeAt++
	return s.gaugeAt
}

// gaugeTimeAt is the slow part of gaugeTime. It is called if the sample's time of arrival differs from the
// previous sample's.
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

// arrivalAt converts a time of arrival from the system's clock to the table's clock.
func (s *Shard) arrivalAt(wall int64) int64 {
	at := s.table.clock.at(wall)
	if at < s.arrival-maxStep { // the sample has waited long, or the system's clock was set back
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

// gaugeMerge combines the values of one gauge from several shards. The order of the shards does not
// matter.
type gaugeMerge struct {
	memory      memory // the newest remembered value
	set         GaugeChange
	adjustments []GaugeChange
}

// begin prepares g for another gauge.
func (g *gaugeMerge) begin() { *g = gaugeMerge{adjustments: g.adjustments[:0]} }

// remember replaces g.memory by the remembered value of a record, if that value is newer.
func (g *gaugeMerge) remember(rec record) {
	if m := rec.memory(); m.after > g.memory.after {
		g.memory = m
	}
}

// add adds the setting and the adjustments in a record's cell to g.
func (g *gaugeMerge) add(b *blocks, rec record, off int) {
	g.set = newest(g.set, rec, off)
	g.adjustments = appendAdjustments(g.adjustments, b, rec, off)
}

func (c GaugeChange) compare(o GaugeChange) int {
	return cmp.Or(cmp.Compare(c.At, o.At), cmp.Compare(c.Value, o.Value))
}

// newest returns the newer of two settings: the parameter set, and the setting in a cell.
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

// result returns the gauge's value, and the time of its last setting. It adds the adjustments in
// the order of their times, so that rounding does not depend on the shards.
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
