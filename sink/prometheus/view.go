package prometheus

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// view is the content of the page after an interval. It is immutable, so scrapes can read it during the next
// flush.
type view struct {
	families []*familyView
	pages    [][]byte
	chunks   []*chunk
	natives  map[uint32]*native
	own      []byte // text of the daemon's own families

	readers int // guarded by Sink.mu

	text, proto zipped
}

// zipped is a compressed page. The page is compressed only once.
type zipped struct {
	once sync.Once
	body []byte
}

// read reports whether a scrape is reading the view. The caller must hold Sink.mu.
func (v *view) read() bool { return v.readers > 0 }

// familyView is a family with the series that it had when the view was made.
type familyView struct {
	*family
	entries []entry
}

// maxIdle is how long a name is kept without new samples. It applies only to names that can be removed without
// harm: names that are dropped by a rule or refused, and names that share their series with other names.
const maxIdle = 10 * time.Minute

// sweepEvery is the time between two searches for idle names.
const sweepEvery = time.Minute

// beginInterval sets the time for the samples of an interval.
func (st *store) beginInterval(now time.Time) {
	st.now = now
	st.tick = uint32(max(now.Sub(st.begin)/tickLength, 0))
}

// endInterval updates the series at the end of an interval.
func (st *store) endInterval() {
	st.turnWindows()
	st.turnSets()
	if st.frozen {
		return
	}
	sweep := st.now.Sub(st.swept) >= sweepEvery
	if st.expires && st.expireSeries() || sweep {
		st.expireNames(sweep)
	}
	if sweep {
		st.swept = st.now
	}
	if st.texts.wasted > max(st.texts.used/2, 1<<20) {
		st.compact()
	}
}

// expireSeries marks the series whose ttl has expired. It returns false if no series is marked.
func (st *store) expireSeries() (any bool) {
	for i := range st.series {
		s := &st.series[i]
		if s.ttl > 0 && s.state != seriesFree && st.tick-s.seen > s.ttl {
			s.state, any = seriesGone, true
		}
	}
	return any
}

// expireNames removes the names of expired series. If the parameter sweep is true, it also removes idle names (see
// maxIdle). If a series then has no name, expireNames removes the series too.
func (st *store) expireNames(sweep bool) {
	const idle = uint32(maxIdle / tickLength)
	for i := range st.names {
		n := &st.names[i]
		if n.state == nameFree {
			continue
		}
		if n.series == 0 {
			if sweep && st.tick-n.seen > idle {
				st.removeName(uint32(i))
			}
			continue
		}
		s := &st.series[n.series-1]
		needed := s.state != seriesGone && (s.state == seriesShown && s.names == 1 || !sweep || st.tick-n.seen <= idle)
		if needed {
			continue
		}
		number := n.series - 1
		st.removeName(uint32(i))
		if s.names--; s.names == 0 {
			st.removeSeries(number)
		}
	}
}

// compact moves all used texts to new pages. Views keep the old pages.
func (st *store) compact() {
	old := st.texts
	st.texts = texts{}
	for i := range st.names {
		if n := &st.names[i]; n.state != nameFree {
			n.text = st.texts.put(old.get(n.text))
		}
	}
	for i := range st.series {
		if s := &st.series[i]; s.state != seriesFree {
			s.labels = st.texts.put(old.get(s.labels))
		}
	}
	for _, f := range st.listed() {
		moved := make([]entry, len(f.entries))
		for i, e := range f.entries {
			moved[i] = entry{st.series[e.series].labels, e.slot, e.series}
		}
		f.entries, f.shown = moved, nil
	}
	st.shown = nil
}

// publish returns a view of the current page.
func (st *store) publish(own []byte) *view {
	if st.shown == nil {
		st.shown = st.shownFamilies()
	}
	v := &view{families: st.shown, pages: slices.Clone(st.texts.pages), chunks: slices.Clone(st.values.chunks), natives: maps.Clone(st.natives), own: own}
	st.freeSeries = append(st.freeSeries, st.freed...)
	st.freed = st.freed[:0]
	return v
}

// shownFamilies returns the families that have series, in a new list, because scrapes read the previous list.
func (st *store) shownFamilies() []*familyView {
	list := make([]*familyView, 0, st.familyCount())
	for _, f := range st.listed() {
		if f.shrunk {
			kept := make([]entry, 0, f.live)
			for _, e := range f.entries {
				if s := &st.series[e.series]; s.state == seriesShown && s.family == f.number && s.slot == e.slot {
					kept = append(kept, e)
				}
			}
			f.entries, f.shrunk = kept, false
		}
		if len(f.entries) == 0 {
			continue
		}
		if f.shown == nil || len(f.shown.entries) != len(f.entries) || &f.shown.entries[0] != &f.entries[0] { // the family has changed since the last view
			f.shown = &familyView{f, f.entries}
		}
		list = append(list, f.shown)
	}
	return list
}
