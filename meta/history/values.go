package history

import (
	"iter"
	"math"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// The last value of a path that is no longer published is kept for keepFlushes flushes or for keepSeconds, whichever is
// longer. Flushes are counted, so changes of the clock have no effect.
const (
	keepFlushes = 6
	keepSeconds = 60
)

// maxWanted is the maximum number of paths that were queried and have no history yet. maxWantedPath
// is the maximum length of such a path.
const (
	maxWanted     = 4096
	maxWantedPath = 2048
)

// Config configures Values.
type Config struct {
	// Interval is the flush interval.
	Interval time.Duration
	// Names is the maximum number of paths whose last value is kept. It also limits the number of
	// histories.
	Names int
	// Memory is the maximum memory of all histories in bytes. With an interval of 10 s, a history
	// needs about 1.4 KB. 0 turns histories off.
	Memory int
}

// Values keeps the last value of each path that was published in the last 6 flushes or the last 60
// seconds. It also keeps the histories of some paths. A history has the values of the last 15
// minutes (at least 15 and at most 900 flushes). For the 45 minutes before that, it has the mean,
// minimum and maximum of each minute. Any goroutine may use Values.
//
// If the memory is too small for all paths, not every path gets a history. Paths that were queried in the last hour
// come first. The other paths get a history in the order in which they are first published. Path, Find and Series count
// as queries. A path that had no history when it was queried gets one at the next flush. The history of a path that is
// no longer published is kept for an hour, unless another path needs the memory.
type Values struct {
	limit       int
	keeps, hour uint64 // how long an entry without new values is kept, and the length of an hour; both are numbers of flushes
	interval    int64  // in nanoseconds

	mu        sync.Mutex
	index     index
	entries   []entry
	flush     uint64 // number of flushes so far
	at        int64  // time of the last flush in Unix nanoseconds
	missed    int
	published int // number of points in the last flush
	first     int32
	places    places

	silent []int32           // entries whose path is no longer published, kept for their histories
	sorted bool              // the list silent is sorted; the entry whose path was published longest ago is last
	wanted map[string]uint64 // queried paths without a history, with the number of the flush before the query

	searched uint64                 // number of the flush before the last search; 0 if there was no search
	recent   iter.Seq[metric.Point] // points of the last flush; nil if no search needs them
	waiting  chan struct{}          // closed at the next flush; nil if no search waits
	shown    *view                  // view of the last flush; made when it is needed

	sorting sync.Mutex
	last    []meta.Value // the values that Last has returned for the flush lastAt
	lastAt  uint64       // number of the flush whose values are in the field last
}

// entry is a path and its last value.
type entry struct {
	path  string
	value float64
	time  uint32 // in Unix seconds
	flush uint32 // number of the last flush with a value; 0 if there was none
	place int32  // the row of the path's history in places; -1 for none
	next  int32  // the entry of the next point in the last flush that published this path
}

// NewValues returns empty Values. They need little memory until there are paths.
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

// Keep stores the points of the flush at the given time. count is the number of these points. Keep copies only new
// paths. If there are no new paths, it allocates only a column for the histories. The points must stay valid until the
// next flush.
func (v *Values) Keep(at time.Time, count int, points iter.Seq[metric.Point]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.flush++
	v.at, v.shown = at.UnixNano(), nil
	v.forget()
	v.places.begin(v.at)
	v.missed, v.published = 0, count
	w := walk{before: -1}
	seen := 0
	for p := range points {
		// If all entries have a value of this flush, there is no entry for another path.
		if w.fresh == v.limit && len(v.wanted) == 0 {
			v.missed += count - seen
			break
		}
		seen++
		v.keep(&w, &p)
	}
	v.places.end()
	v.endFlush(points)
}

// walk is the state while the points of a flush are stored.
type walk struct {
	fresh  int   // number of entries with a value of this flush
	before int32 // entry of the previous point; -1 if there is none
}

// keep stores a point.
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
		if w.before >= 0 { // add may have moved the entries in memory
			next = &v.entries[w.before].next
		}
	}
	*next, w.before = i, i
	e := &v.entries[i]
	if !v.fresh(e) {
		w.fresh++
	}
	e.value, e.time, e.flush = p.Value, uint32(min(max(p.Time, 0), math.MaxUint32)), uint32(v.flush)
	v.remember(i, e)
}

// find returns the entry of a path, or -1 if there is none. Points usually have the same order in
// each flush, so the entry in the parameter guess is often right and saves a look-up.
func (v *Values) find(guess int32, path []byte) int32 {
	if int(guess) < len(v.entries) && v.entries[guess].path == string(path) {
		return guess
	}
	if i, known := v.index.find(v.entries, path); known {
		return i
	}
	return -1
}

// endFlush keeps the points if a search may need them, and wakes the searches that wait for a
// flush.
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

// recently reports whether an entry was published recently enough to keep its value.
func (v *Values) recently(e *entry) bool { return uint64(e.flush)+v.keeps >= v.flush }

// fresh reports whether an entry has a value of the last flush.
func (v *Values) fresh(e *entry) bool { return e.flush == uint32(v.flush) }

// forget removes entries that were not published recently. Entries with a history are kept for an
// hour.
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
			if uint64(e.flush)+v.hour >= v.flush {
				v.silent = append(v.silent, int32(i))
				i++
				continue
			}
		}
		v.remove(int32(i))
	}
}

// remove removes an entry. The last entry moves to its index.
func (v *Values) remove(i int32) {
	v.clear(i)
	last := int32(len(v.entries) - 1)
	if i != last {
		v.index.renumber(v.entries[last].path, last, i)
		e := &v.entries[i]
		*e = v.entries[last]
		if e.place >= 0 {
			v.places.rows[e.place].owner = i
		}
	}
	v.entries[last] = entry{}
	v.entries = v.entries[:last]
}

// clear removes the path and the history of an entry.
func (v *Values) clear(i int32) {
	e := &v.entries[i]
	v.index.remove(e.path, i)
	if e.place >= 0 {
		v.places.release(e.place)
		e.place = -1
	}
}

// Flushed returns the time of the last flush in Unix seconds, or 0 before the first flush.
func (v *Values) Flushed() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at / int64(time.Second)
}

// Missed returns the number of points in the last flush whose value is not kept.
func (v *Values) Missed() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.missed
}

// Histories returns the number of paths with a history, and the number of points in the last flush.
func (v *Values) Histories() (held, published int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.places.held(), v.published
}

// Bytes returns the number of bytes that all histories use.
func (v *Values) Bytes() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.places.bytes()
}
