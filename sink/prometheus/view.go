package prometheus

import (
	"maps"
	"sync"
	"time"
)

// view is the content of the page after an interval. It does not change. Scrapes read it while the flush goes on.
type view struct {
	families []*familyView
	pages    [][]byte
	chunks   []*chunk
	natives  map[uint32]*native
	own      []byte // the daemon's own families

	readers int // guarded by Sink.mu

	text, proto zipped
}

// zipped is a compressed page. It is made once.
type zipped struct {
	once sync.Once
	body []byte
}

// read reports whether a scrape reads the view. Sink.mu must be locked.
func (v *view) read() bool { return v.readers > 0 }

// familyView is a family of a view.
type familyView struct {
	*family
	entries []entry
}

// maxIdle is how long an unseen name is kept if it can be forgotten without harm: dropped by a rule, refused, or one of
// several names of a series.
const maxIdle = 10 * time.Minute

// sweepEvery is the time between two searches for idle names.
const sweepEvery = time.Minute

// beginInterval sets the time of the following samples.
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

// expireSeries marks the series whose ttl is over. It reports whether there are any.
func (st *store) expireSeries() (any bool) {
	for i := range st.series {
		s := &st.series[i]
		if s.ttl > 0 && s.state != seriesFree && st.tick-s.seen > s.ttl {
			s.state, any = seriesGone, true
		}
	}
	return any
}

// expireNames forgets the names of series that are gone, and idle names. Then it removes the series
// without names.
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

// compact moves all texts that are in use to new pages. Views keep the old ones.
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
}

// publish returns the current page.
func (st *store) publish(own []byte) *view {
	v := &view{pages: append([][]byte(nil), st.texts.pages...), own: own}
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
		if f.shown == nil || len(f.shown.entries) != len(f.entries) || &f.shown.entries[0] != &f.entries[0] { // the page has changed
			f.shown = &familyView{f, f.entries}
		}
		v.families = append(v.families, f.shown)
	}
	v.chunks = append([]*chunk(nil), st.values.chunks...)
	v.natives = maps.Clone(st.natives)
	st.freeSeries = append(st.freeSeries, st.freed...)
	st.freed = st.freed[:0]
	return v
}
