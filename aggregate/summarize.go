package aggregate

import (
	"math"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// scratch is what summarising needs again and again.
type scratch struct {
	refs    [metric.Kinds][]ref
	carry   []ref
	names   [][]byte
	found   [][][metric.Kinds]ref // by view, by name
	sources []source
	samples []float64
	members []uint64
	gauge   gaugeMerge

	collected metric.Collected
}

// source is one of the records that have a name's cells.
type source struct {
	view *view
	rec  record
}

// summary is one call of Summarize.
type summary struct {
	*Interval
	*scratch
	layout Layout
	sn     *Snapshot
	// ranks are the percentile thresholds as columns, the lowest first.
	ranks []rank
	live  int64 // names that have not expired
}

// Summarize works out the points of the interval, whose time is now in Unix
// seconds. It can be called once.
func (iv *Interval) Summarize(layout Layout, now int64) *Snapshot {
	s := &summary{Interval: iv, scratch: &iv.table.scratch, layout: layout, sn: layout.newSnapshot(now)}
	s.ranks = newRanks(layout.Percentiles)
	s.found = make([][][metric.Kinds]ref, len(iv.views))
	for i := range s.found {
		s.found[i] = make([][metric.Kinds]ref, batchSize)
	}
	for i := range iv.views {
		s.sn.pages = append(s.sn.pages, iv.views[i].pages)
	}
	for i := range iv.views {
		s.summarizeView(i)
	}
	for i := range iv.views {
		iv.views[i].release()
	}
	iv.table.known.Add(s.live - iv.known)
	return s.sn
}

func (s *summary) summarizeView(i int) {
	v := &s.views[i]
	expired, total := 0, 0
	v.walk(func(refs []ref) {
		s.carry = s.carry[:0]
		for k := range s.refs {
			s.refs[k] = s.refs[k][:0]
		}
		for _, r := range refs {
			rec := v.pages.at(r)
			kind := kindOf(rec.meta())
			if rec.seen(kind, v.flush) {
				s.refs[kind] = append(s.refs[kind], r)
			} else if v.flush-rec.lastSeen() >= s.table.config.Expire[kind] {
				expired++
				continue
			}
			s.carry = append(s.carry, r)
		}
		for kind := range s.refs {
			if len(s.refs[kind]) > 0 {
				start := time.Now()
				s.summarizeKind(i, metric.Kind(kind))
				s.sn.Duration[kind] += time.Since(start)
			}
		}
		if v.retired {
			v.carry(s.carry)
		}
		s.live += int64(len(s.carry))
		total += len(refs)
	})
	const worthIt = 1024
	full := s.table.known.Load() > int64(s.table.config.MaxNames)*9/10
	if expired > 0 && !v.retired && (full || expired > worthIt && expired > total/4) {
		v.shard.mutex.Lock()
		v.shard.retire = true
		v.shard.mutex.Unlock()
	}
}

// summarizeKind adds rows for the records s.refs[kind] of view i. The names'
// records in other views join them.
func (s *summary) summarizeKind(i int, kind metric.Kind) {
	v := &s.views[i]
	refs := s.refs[kind]
	if len(s.views) > 1 {
		s.names = s.names[:0]
		for _, r := range refs {
			s.names = append(s.names, v.pages.at(r).name())
		}
		for j := range s.views {
			if j != i {
				s.views[j].lookup(s.names, s.found[j])
			}
		}
	}
	for n, r := range refs {
		rec := v.pages.at(r)
		s.sources = append(s.sources[:0], source{v, rec})
		collides := false
		if rec.meta()&metaTwin != 0 {
			v.lookup([][]byte{rec.name()}, s.found[i][n:n+1])
			collides = s.collides(i, n, kind, true)
		}
		for j := range s.views {
			if j == i {
				continue
			}
			if other := s.found[j][n][kind]; s.views[j].holds(other) {
				s.sources = append(s.sources, source{&s.views[j], s.views[j].pages.at(other)})
			}
			collides = collides || s.collides(j, n, kind, false)
		}
		if collides {
			s.sn.collided(kind, rec.name())
		}
		if s.Record != nil {
			s.collect(kind)
		}
		s.summarizeName(kind, s.sn.add(i, r, kind))
		if s.Record != nil {
			s.show(kind)
		}
		for _, from := range s.sources {
			from.rec.clear(kind, v.flush)
			from.rec.setLastSeen(v.flush)
		}
	}
}

// holds reports whether r is a record that was there when the view was taken.
// A newer one holds nothing of the interval.
func (v *view) holds(r ref) bool {
	p, last := int(r>>pageShift), len(v.pages)-1
	return r != 0 && (p < last || p == last && int(r&(pageUnits-1)) < v.used)
}

// collides reports whether the n-th name looked up in view j has a row already,
// of another kind with the same prefix.
func (s *summary) collides(j, n int, kind metric.Kind, own bool) bool {
	v := &s.views[j]
	for k, r := range s.found[j][n] {
		k := metric.Kind(k)
		if k == kind || k == metric.Timer || kind == metric.Timer || s.sn.prefix[k] != s.sn.prefix[kind] || !v.holds(r) {
			continue
		}
		other := v.pages.at(r)
		if other.seen(k, v.flush) {
			// Its row is still to come. In the name's own view it does not look
			// for others then, unless it is a twin itself.
			if own && other.meta()&metaTwin == 0 {
				return true
			}
		} else if other.lastSeen() == v.flush {
			return true
		}
	}
	return false
}

// summarizeName works out the values of the name whose records are s.sources.
func (s *summary) summarizeName(kind metric.Kind, values []float64) {
	flush := s.sources[0].view.flush
	off := cell(kind, flush)
	switch kind {
	case metric.Counter:
		sum := 0.0
		for _, from := range s.sources {
			sum = clamp(sum + math.Float64frombits(from.rec.word(off)))
		}
		values[0] = clamp(sum / s.layout.Interval.Seconds()) // which may be less than one
	case metric.Gauge:
		values[0] = s.summarizeGauge(off, flush)
	case metric.Set:
		values[0] = float64(s.countMembers(off))
	case metric.Timer:
		s.summarizeTimer(off, values)
	}
	s.measure(kind, off)
}

func (s *summary) summarizeTimer(off int, values []float64) {
	s.samples = s.samples[:0]
	weight := 0.0
	var all *sketch
	for _, from := range s.sources {
		var w float64
		s.samples, w = appendSamples(s.samples, from.view.blocks, from.rec, off)
		weight = clamp(weight + w)
		switch sk := sketchOf(from.view.blocks, from.rec, off); {
		case sk == nil:
		case all == nil:
			all = sk
		default:
			all.merge(sk)
		}
	}
	if all == nil {
		summarizeTimer(s.samples, s.ranks, values)
	} else {
		for _, v := range s.samples {
			all.add(v)
		}
		all.summarize(s.ranks, values)
		s.sn.Sketched++
	}
	values[3] = weight
}

// measure keeps in mind the name whose cells of one shard hold most.
func (s *summary) measure(kind metric.Kind, off int) {
	at := off // of the word with the number of members
	switch kind {
	case metric.Set:
	case metric.Timer:
		at += 8
	default:
		return
	}
	largest := &s.sn.largest[kind]
	for _, from := range s.sources {
		if n := int(from.rec.word(at) >> 32); n > largest.size {
			largest.size, largest.rec = n, from.rec
		}
	}
}

// summarizeGauge merges a gauge, and remembers its value for the next interval.
func (s *summary) summarizeGauge(off int, flush uint32) float64 {
	s.gauge.begin()
	for _, from := range s.sources {
		if flush-1-from.rec.lastSeen() < s.table.config.Expire[metric.Gauge] {
			s.gauge.remember(from.rec)
		}
		s.gauge.add(from.view.blocks, from.rec, off)
	}
	value := s.gauge.result()
	s.sources[0].rec.setWord(gaugeMemory, math.Float64bits(value))
	s.sources[0].rec.setWord(gaugeMemory+8, uint64(flush))
	return value
}

// countMembers counts the distinct members of a set.
func (s *summary) countMembers(off int) int {
	first := s.sources[0].rec
	if len(s.sources) == 1 {
		return int(first.word(off) >> 32)
	}
	s.members = s.members[:0]
	for _, from := range s.sources {
		for _, hash := range setTable(from.view.blocks, from.rec, off) {
			if hash != 0 {
				s.members = append(s.members, hash)
			}
		}
	}
	slices.Sort(s.members)
	return len(slices.Compact(s.members))
}
