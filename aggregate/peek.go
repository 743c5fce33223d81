package aggregate

import (
	"math"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// Peeked is what a name has collected since the last Drain.
type Peeked struct {
	Name []byte // clean name; it stays valid and must not be changed
	// Value is the sum of a counter, the value of a gauge, the number of samples of a timer, or the
	// number of distinct members of a set. For a name without new samples it is 0, except for a gauge.
	Value float64
	// Samples are the first samples of a timer, at most MaxPeeked. The samples of each receiver are in
	// the order of arrival. The slice is valid until the next call of Show.
	Samples []float64
}

// MaxPeeked is the maximum number of samples of a timer that a Peek shows.
const MaxPeeked = 100

// Peek reads the values that the names of one kind have collected so far. It does not remove the values from the
// table. It visits each name that existed at its start once. Each step visits a limited number of names, so that
// neither receivers nor a flush wait for it:
//
//	for peek.Next() {
//		shown := peek.Show() // in the flushing goroutine
//	}
//
// Flushes may happen between two steps. Each step shows the current values.
type Peek struct {
	// Names are the names found by Next, in no particular order. The slice is valid until the next
	// call of Next. The bytes of a name stay valid, and must not be changed.
	Names [][]byte

	table    *Table
	kind     metric.Kind
	match    func(name []byte) bool
	views    []view
	view     int
	at       cursor
	refs     []ref
	found    [][metric.Kinds]ref
	gathered []gathered
	shown    []Peeked
	members  []uint64
}

// Peek begins to read the names of a kind for which match returns true, or all names if match is
// nil. Only the flushing goroutine may call it, and not between Drain and Summarize.
func (t *Table) Peek(kind metric.Kind, match func(name []byte) bool) *Peek {
	return &Peek{
		table: t, kind: kind, match: match, views: t.views(),
		refs: make([]ref, 0, batchSize), found: make([][metric.Kinds]ref, batchSize), gathered: make([]gathered, batchSize),
	}
}

// PeekName reads one clean name. It returns false if the name is not in the table. Only the
// flushing goroutine may call it, and not between Drain and Summarize.
func (t *Table) PeekName(kind metric.Kind, name []byte) (Peeked, bool) {
	p := Peek{Names: [][]byte{name}, table: t, kind: kind, gathered: make([]gathered, 1)}
	shown := p.Show()
	if len(shown) == 0 {
		return Peeked{}, false
	}
	return shown[0], true
}

// Next finds the next names and stores them in Names. Names may be empty. Next returns false at the
// end. It may be called from any goroutine at any time, but only by one goroutine at a time.
func (p *Peek) Next() bool {
	if p.view == len(p.views) {
		return false
	}
	p.refs = p.views[p.view].next(&p.at, p.refs[:0])
	p.choose()
	if len(p.refs) < batchSize {
		p.view, p.at = p.view+1, cursor{}
	}
	return true
}

// Show returns what the names in the field Names have collected. It omits names that have expired or were forgotten.
// Only the flushing goroutine may call it, and not between Drain and Summarize.
func (p *Peek) Show() []Peeked {
	p.gather()
	p.shown = p.shown[:0]
	for i, name := range p.Names {
		g := &p.gathered[i]
		if !g.known {
			continue
		}
		shown := Peeked{Name: name, Value: g.sum}
		switch {
		case p.kind == metric.Gauge:
			shown.Value, _ = g.gauge.result()
		case p.kind == metric.Timer:
			shown.Samples = g.samples
		case g.holders > 1:
			shown.Value = float64(p.countMembers(name))
		}
		p.shown = append(p.shown, shown)
	}
	return p.shown
}

// choose sets Names to the names of those records in p.refs that have the kind p.kind, match
// p.match, and were not in an earlier view.
func (p *Peek) choose() {
	p.Names = p.Names[:0]
	for _, r := range p.refs {
		rec := p.views[p.view].pages.at(r)
		if kindOf(rec.meta()) == p.kind && (p.match == nil || p.match(rec.name())) {
			p.Names = append(p.Names, rec.name())
		}
	}
	for i := range p.view {
		before := &p.views[i]
		before.lookup(p.Names, p.found)
		n := 0
		for j, name := range p.Names {
			if !before.holds(p.found[j][p.kind]) {
				p.Names[n] = name
				n++
			}
		}
		p.Names = p.Names[:n]
	}
}

// gathered is what a name has collected, summed over all shards.
type gathered struct {
	known   bool
	sum     float64 // the sum of a counter, or the number of samples or members
	holders int     // number of shards with members of the set
	samples []float64
	gauge   gaugeMerge
}

func (p *Peek) gather() {
	for i := range p.Names {
		g := &p.gathered[i]
		g.known, g.sum, g.holders, g.samples = false, 0, 0, g.samples[:0]
		g.gauge.begin()
	}
	for _, s := range p.table.shards {
		s.mutex.Lock()
		for i, name := range p.Names {
			if r := s.names.find(p.kind, name); r != 0 {
				p.gathered[i].add(s, p.kind, s.names.pages.at(r))
			}
		}
		s.mutex.Unlock()
	}
}

func (g *gathered) add(s *Shard, kind metric.Kind, rec record) {
	off, b := cell(kind, s.flush), &s.blocks[s.flush&1]
	expired := s.expired(rec)
	g.known = g.known || !expired || rec.seen(kind, s.flush)
	switch kind {
	case metric.Counter:
		g.sum = clamp(g.sum + math.Float64frombits(rec.word(off)))
	case metric.Timer:
		g.sum += float64(rec.word(off+8) >> 32)
		g.samples = appendFirstSamples(g.samples, b, rec, off)
	case metric.Gauge:
		if !expired {
			g.gauge.remember(rec)
		}
		g.gauge.add(b, rec, off)
	case metric.Set:
		if n := rec.word(off) >> 32; n > 0 {
			g.sum += float64(n)
			g.holders++
		}
	}
}

// expired reports whether a name has expired, because it had no sample for too many flushes. A name
// with a sample since the last Drain has not expired.
func (s *Shard) expired(rec record) bool {
	seen := rec.lastSeen()
	return seen != s.flush && s.flush-1-seen >= s.table.expire(s.names, rec)
}

// countMembers counts the distinct members of a set that has members in several shards.
func (p *Peek) countMembers(name []byte) int {
	p.members = p.members[:0]
	for _, s := range p.table.shards {
		s.mutex.Lock()
		if r := s.names.find(metric.Set, name); r != 0 {
			p.members = appendMembers(p.members, &s.blocks[s.flush&1], s.names.pages.at(r), cell(metric.Set, s.flush))
		}
		s.mutex.Unlock()
	}
	slices.Sort(p.members)
	return len(slices.Compact(p.members))
}
