package prometheus

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/sink"
)

// reloads carries out reloads of the mapping. A goroutine maps all names again, while the old series stay in use. The
// first flush after that switches to the result.
type reloads struct {
	wanted chan *reload // the newest reload that has not begun
	ready  atomic.Pointer[reload]
	newest *reload // used only by the flush

	done, failed atomic.Uint64
}

// reload is a store for new rules. It begins as a copy of the names of the old store.
type reload struct {
	mapping mappingFile
	config  Config
	// The content of the old store when the reload began.
	set      *rules.Set
	names    []name
	series   []series
	families []*family
	pages    [][]byte

	store *store
	from  []uint32 // indexed by the number of a new series: the old series that it continues, plus one
}

// Reload changes to the file of rules that another Sink with the same Config has read. Only the flushing goroutine may
// call it, between two flushes.
func (s *Sink) Reload(from sink.Recorder) {
	other, ok := from.(*Sink)
	if !ok {
		return
	}
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.reloads.done.Add(1)
	if other.mapping.text == s.mapping.text {
		return
	}
	s.mapping = other.mapping
	s.tellHints()
	st := s.store
	r := &reload{
		mapping: other.mapping, config: s.config, set: st.set,
		names: slices.Clone(st.names), series: slices.Clone(st.series),
		families: slices.Clone(st.families), pages: slices.Clone(st.texts.pages),
	}
	st.frozen = true
	s.reloads.newest = r
	select {
	case <-s.reloads.wanted:
	default:
	}
	s.reloads.wanted <- r
}

// ReloadFailed says that a reload was refused. The sink counts it if its file of rules is at fault.
func (s *Sink) ReloadFailed() {
	if _, err := s.config.load(); err != nil {
		s.reloads.failed.Add(1)
	}
}

// run maps names for reloads until ctx ends.
func (r *reloads) run(ctx context.Context) {
	for {
		select {
		case wanted := <-r.wanted:
			wanted.build()
			r.ready.Store(wanted)
		case <-ctx.Done():
			return
		}
	}
}

// build makes the new store: all names, mapped by the new rules, and their series without values.
func (r *reload) build() {
	quiet := newTallies(nil)
	quiet.quiet = true
	st := newStore(r.config, r.mapping.set, quiet)
	r.store = st
	st.names = make([]name, len(r.names))
	for i := range r.names {
		if n := &r.names[i]; n.state == nameFree {
			st.freeNames = append(st.freeNames, uint32(i))
		} else {
			r.add(uint32(i), n)
		}
	}
}

// add adds a name under its old number.
func (r *reload) add(number uint32, old *name) {
	st, text := r.store, textOf(r.pages, old.text)
	st.names[number] = name{text: st.texts.put(text), kind: old.kind, state: nameRefused, rule: int32(st.set.Len()), seen: old.seen}
	st.rules[st.set.Len()].names++
	st.byName.add(st.hashName(old.kind, text), number)
	st.place(number, old.kind, text)
	n := &st.names[number]
	if n.state != nameShown || old.state != nameShown {
		return
	}
	if found := int(n.series) - 1; r.same(n, old) {
		for len(r.from) <= found {
			r.from = append(r.from, 0)
		}
		r.from[found] = old.series
	}
}

// options returns the options that a rule had before.
func (r *reload) options(rule int32) *rules.Options {
	if int(rule) < r.set.Len() {
		return &r.set.Rule(int(rule)).Options
	}
	return &r.set.Defaults
}

// sameNative reports whether two rules want the same native buckets.
func sameNative(a, b *rules.Options) bool {
	return a.NativeFactor == b.NativeFactor && a.NativeMax == b.NativeMax
}

// same reports whether the new series of a name continues its old one.
func (r *reload) same(n, old *name) bool {
	was, is := &r.series[old.series-1], &r.store.series[n.series-1]
	f, g := r.families[was.family], r.store.families[is.family]
	scale := r.options(old.rule).Scale
	return f.name == g.name && f.kind == g.kind && slices.Equal(f.bounds, g.bounds) && slices.Equal(f.quantiles, g.quantiles) &&
		f.parts == g.parts && sameNative(r.options(old.rule), r.store.options(n.rule)) && scale == r.store.options(n.rule).Scale &&
		string(textOf(r.pages, was.labels)) == string(r.store.texts.get(is.labels))
}

// adopt switches to the newest reload once it is built.
func (s *Sink) adopt() {
	r := s.reloads.ready.Swap(nil)
	if r == nil || r != s.reloads.newest {
		return
	}
	old, st := s.store, r.store
	r.pages = old.texts.pages
	for i := range old.names { // names that came during the reload
		n := &old.names[i]
		switch {
		case i >= len(r.names):
			st.names = append(st.names, name{})
			r.series, r.families = old.series, old.families
			if n.state == nameFree {
				st.freeNames = append(st.freeNames, uint32(i))
			} else {
				r.add(uint32(i), n)
			}
		case r.names[i].state == nameFree && n.state != nameFree:
			st.freeNames = slices.DeleteFunc(st.freeNames, func(free uint32) bool { return free == uint32(i) })
			r.series, r.families = old.series, old.families
			r.add(uint32(i), n)
		default:
			st.names[i].seen = n.seen
		}
	}
	st.takeOver(old, r.from)
	st.tallies = s.tallies
	s.store = st
}

// takeOver copies the values of the old series to the new ones.
func (st *store) takeOver(old *store, from []uint32) {
	st.begin, st.now, st.tick, st.swept = old.begin, old.now, old.tick, old.swept
	st.negative, st.refused, st.unfit, st.droppedBy = old.negative, old.refused, old.unfit, old.droppedBy
	for i, was := range from {
		if was == 0 {
			continue
		}
		s, o := &st.series[i], &old.series[was-1]
		f := st.families[s.family]
		s.seen = o.seen
		copy(st.values.run(s.slot, f.width()), old.values.look(o.slot, f.width()))
		if w := old.windows[was-1]; w != nil {
			w.series = uint32(i)
			st.windows[uint32(i)] = w
		}
		if n := old.natives[was-1]; n != nil {
			st.natives[uint32(i)] = n
		}
		if m := old.members[was-1]; m != nil {
			st.members[uint32(i)] = m
		}
		if o.state == seriesShown {
			s.state = seriesShown
			f.entries = append(f.entries, entry{s.labels, s.slot, uint32(i)})
		}
	}
	ids := map[string]int{}
	for i := range old.set.Len() {
		ids[old.set.Rule(i).ID] = i
	}
	for i := range st.set.Len() {
		if was, known := ids[st.set.Rule(i).ID]; known {
			st.rules[i].shown, st.rules[i].last = old.rules[was].shown, old.rules[was].last
		}
	}
}
