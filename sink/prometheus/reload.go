package prometheus

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/sink"
)

// reloads performs reloads of the mapping. A goroutine maps all names with the new rules while the flush still
// uses the old series. When the goroutine has finished, the next flush switches to the new series.
type reloads struct {
	wanted chan *reload // the most recent reload that has not started
	ready  atomic.Pointer[reload]
	newest *reload // used only by the flush

	done, failed atomic.Uint64
}

// reload is a new store for new rules. It starts with a copy of the names in the old store.
type reload struct {
	mapping mappingFile
	config  Config
	// Contents of the old store at the start of the reload.
	set      *rules.Set
	names    []name
	series   []series
	families []*family
	pages    [][]byte

	store *store
	from  []uint32 // indexed by the number of a new series: the number of the old series that it continues, plus 1
}

// Reload replaces the mapping by the mapping of another Sink with the same Config. Only the flush
// goroutine may call it, between two flushes.
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

// ReloadFailed is called when the daemon has refused a reload. If the mapping file of the Sink is
// invalid, the Sink counts this reload as failed. If not, another setting was the reason.
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

// build fills the new store: it maps all names with the new rules, and creates their series without values.
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

// add adds a name with the same number as in the old store.
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

// options returns the options of a rule in the old mapping.
func (r *reload) options(rule int32) *rules.Options {
	if int(rule) < r.set.Len() {
		return &r.set.Rule(int(rule)).Options
	}
	return &r.set.Defaults
}

// sameNative reports whether two rules have the same options for native buckets.
func sameNative(a, b *rules.Options) bool {
	return a.NativeFactor == b.NativeFactor && a.NativeMax == b.NativeMax
}

// same reports whether the new series of a name continues its old series.
func (r *reload) same(n, old *name) bool {
	was, is := &r.series[old.series-1], &r.store.series[n.series-1]
	f, g := r.families[was.family], r.store.families[is.family]
	scale := r.options(old.rule).Scale
	return f.name == g.name && f.kind == g.kind && slices.Equal(f.bounds, g.bounds) && slices.Equal(f.quantiles, g.quantiles) &&
		f.parts == g.parts && sameNative(r.options(old.rule), r.store.options(n.rule)) && scale == r.store.options(n.rule).Scale &&
		string(textOf(r.pages, was.labels)) == string(r.store.texts.get(is.labels))
}

// adopt switches to the store of the most recent reload when this store is complete.
func (s *Sink) adopt() {
	r := s.reloads.ready.Swap(nil)
	if r == nil || r != s.reloads.newest {
		return
	}
	old, st := s.store, r.store
	r.pages = old.texts.pages
	for i := range old.names { // add the names that were received during the reload
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

// takeOver copies the values of the old series to the new series.
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
