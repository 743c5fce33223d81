package history

import (
	"iter"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// The value of a path that is no longer published is kept for this many flushes, or for this many
// seconds if that is longer. Counting flushes makes this independent of a clock that is set.
const (
	keepFlushes = 6
	keepSeconds = 60
)

// maxWanted limits the number of paths that were asked for and have no history yet. maxWantedPath limits the length of
// such a path.
const (
	maxWanted     = 4096
	maxWantedPath = 2048
)

// Config configures Values.
type Config struct {
	// Interval is the flush interval.
	Interval time.Duration
	// Names limits the number of paths whose newest value is kept, and so also the number of histories.
	Names int
	// Memory limits the bytes of histories: about 1.4 KB for each path at an interval of 10 s. 0 keeps
	// none.
	Memory int
}

// Values keeps the newest value of each path that was published in the last 6 flushes or in the last
// 60 seconds, and the history of some paths: the values of the last 15 minutes (at least 15 flushes,
// at most 900), and mean, least and greatest of each minute of the 45 before. Any goroutine may use
// it.
//
// Paths that somebody asked for in the last hour get a history first, then those that came first. Path, Find and Series
// count as asking. A path that had no history has one from the next flush on. A path that is no longer published keeps
// its history for an hour, unless another path needs the place.
type Values struct {
	limit       int
	keeps, hour uint64 // numbers of flushes: how long an entry is kept without a value; an hour
	interval    int64  // nanoseconds

	mu        sync.Mutex
	index     index
	entries   []entry
	flush     uint64 // the number of flushes so far
	at        int64  // of the last flush, in Unix nanoseconds
	missed    int
	published int // points of the last flush
	first     int32
	places    places

	silent []int32           // entries that are kept for their history only
	sorted bool              // silent is sorted: the entries silent longest first
	wanted map[string]uint64 // paths that were asked for and have no history, with the number of the flush before

	searched uint64                 // number of the flush after which somebody last searched; 0: none
	recent   iter.Seq[metric.Point] // the points of the last flush, if somebody may search them
	waiting  chan struct{}          // closed at the next flush; nil if no search waits
	shown    *view                  // of the last flush, made when asked for

	sorting sync.Mutex
	last    []meta.Value // the result of Last
	lastAt  uint64       // the flush that last belongs to
}

// entry is a path and its newest value.
type entry struct {
	path  string
	value float64
	time  int64 // Unix seconds
	flush uint64
	place int32 // the entry's row in places, -1 for none
	next  int32 // the entry that followed it in its last flush
}

// NewValues returns empty Values. They take memory only as paths come.
func NewValues(cfg Config) *Values {
	return &Values{
		limit:    cfg.Names,
		keeps:    max(keepFlushes, uint64(keepSeconds*time.Second/cfg.Interval)),
		hour:     max(1, uint64(time.Hour/cfg.Interval)),
		interval: int64(cfg.Interval),
		index:    newIndex(),
		wanted:   map[string]uint64{},
		places:   newPlaces(cfg.Interval, cfg.Memory, cfg.Names),
	}
}

// Keep takes the points of the flush at the given time. A path is copied when it is new. A flush
// without new paths allocates only the column of the histories. Points must stay readable until the
// next flush.
func (v *Values) Keep(at time.Time, points iter.Seq[metric.Point]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.flush++
	v.at, v.shown = at.UnixNano(), nil
	v.forget()
	v.places.begin(v.at)
	v.missed, v.published = 0, 0
	w := walk{before: -1}
	for p := range points {
		v.published++
		// When every entry has a value of this flush, a further path cannot get room.
		if w.fresh == v.limit && len(v.wanted) == 0 {
			v.missed++
			continue
		}
		v.keep(&w, &p)
	}
	v.places.end()
	v.endFlush(points)
}

// walk is the state of a walk over the points of a flush.
type walk struct {
	fresh  int   // entries seen so far
	before int32 // the last one, -1 for none
}

// keep takes one point.
func (v *Values) keep(w *walk, p *metric.Point) {
	next := &v.first
	if w.before >= 0 {
		next = &v.entries[w.before].next
	}
	i := v.find(*next, p.Path)
	if i < 0 {
		if i = v.add(p.Path, &w.fresh); i < 0 {
			v.missed++
			return
		}
		if w.before >= 0 { // add and makeRoom may have moved the entries
			next = &v.entries[w.before].next
		}
	}
	*next, w.before = i, i
	e := &v.entries[i]
	if e.flush != v.flush {
		w.fresh++
	}
	e.value, e.time, e.flush = p.Value, p.Time, v.flush
	v.remember(i, e)
}

// find returns the entry of a path, -1 if there is none. Points mostly come in the order of the flush
// before, so the guess saves a lookup.
func (v *Values) find(guess int32, path []byte) int32 {
	if int(guess) < len(v.entries) && v.entries[guess].path == string(path) {
		return guess
	}
	if i, known := v.index.findBytes(v.entries, path); known {
		return i
	}
	return -1
}

// endFlush holds the points if somebody searches them, and wakes the waiting searches.
func (v *Values) endFlush(points iter.Seq[metric.Point]) {
	v.recent = nil
	if v.missed > 0 && v.searched > 0 && v.searched+v.hour >= v.flush {
		v.recent = points
	}
	if v.waiting != nil {
		close(v.waiting)
		v.waiting = nil
	}
	for path, asked := range v.wanted {
		if asked+v.keeps < v.flush {
			delete(v.wanted, path)
		}
	}
}

// recently reports whether the value of an entry is recent enough to be kept.
func (v *Values) recently(e *entry) bool { return e.flush+v.keeps >= v.flush }

// forget drops the entries whose last point is too old. Those with a history stay for an hour.
func (v *Values) forget() {
	v.silent, v.sorted = v.silent[:0], false
	for i := 0; i < len(v.entries); {
		e := &v.entries[i]
		if v.recently(e) {
			i++
			continue
		}
		if e.place >= 0 {
			if asked := v.places.rows[e.place].asked; asked > 0 && asked+v.hour >= v.flush {
				i++
				continue
			}
			if e.flush+v.hour >= v.flush {
				v.silent = append(v.silent, int32(i))
				i++
				continue
			}
		}
		v.remove(int32(i))
	}
}

// remove removes an entry. The last entry takes its index.
func (v *Values) remove(i int32) {
	v.clear(i)
	last := int32(len(v.entries) - 1)
	if i != last {
		v.index.renumber(v.entries, last, i)
		e := &v.entries[i]
		*e = v.entries[last]
		if e.place >= 0 {
			v.places.rows[e.place].owner = i
		}
	}
	v.entries[last] = entry{}
	v.entries = v.entries[:last]
}

// clear takes an entry from its path.
func (v *Values) clear(i int32) {
	e := &v.entries[i]
	v.index.remove(v.entries, i)
	if e.place >= 0 {
		v.places.release(e.place)
		e.place = -1
	}
}

// Flushed returns the Unix second of the last flush, 0 before the first.
func (v *Values) Flushed() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at / int64(time.Second)
}

// Missed returns how many points of the last flush have no kept value.
func (v *Values) Missed() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.missed
}

// Histories returns how many paths have a history, and how many were published by the last flush.
func (v *Values) Histories() (held, published int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.places.held(), v.published
}

// Bytes returns the memory that histories take.
func (v *Values) Bytes() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.places.bytes()
}
