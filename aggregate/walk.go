package aggregate

import (
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// NameCounter counts names, for example the names that a table makes or removes.
type NameCounter interface {
	// Add counts a name with its tags. It must not keep the slice.
	Add(name []byte)
	// Turn is called at each flush. A NameCounter that counts the names of each minute can then begin a new minute.
	Turn(now time.Time)
}

// uncounted is a NameCounter that counts nothing.
type uncounted struct{}

func (uncounted) Add([]byte)     {}
func (uncounted) Turn(time.Time) {}

// Count makes the table count the names that it makes and the names that it removes. counter
// returns a new NameCounter. Count must be called before the first sample.
func (t *Table) Count(counter func() NameCounter) {
	for _, s := range t.shards {
		s.made = counter()
	}
	t.gone = counter()
}

// Counters passes the NameCounter of each shard, which counts new names, to the function made.
// Counters passes the NameCounter of expired and deleted names to the function gone. Only the
// flushing goroutine may call Counters.
func (t *Table) Counters(made, gone func(NameCounter)) {
	for _, s := range t.shards {
		s.mutex.Lock()
		made(s.made)
		s.mutex.Unlock()
	}
	gone(t.gone)
}

// Held describes a name in the table.
type Held struct {
	Name  []byte // name without tags; it must not be changed
	Bytes uint64 // memory of the name's record in bytes
	First FirstSeen
}

// slotBytes is the approximate memory that a record takes in the hash table.
const slotBytes = 16

// Walk visits all names in a table. It does so in steps, so that neither receivers nor a flush wait
// for it. It visits a name several times if the name has several kinds, or if several receivers
// have received it.
type Walk struct {
	table *Table
	views []view
	view  int
	at    cursor
	refs  []ref
}

// Walk begins a walk. Only the flushing goroutine may call Walk and Step, and not between Drain and
// Summarize.
func (t *Table) Walk() *Walk {
	return &Walk{table: t, views: t.views(), refs: make([]ref, 0, 2*batchSize)}
}

// Step visits a few hundred names. It returns false after the last name.
func (w *Walk) Step(visit func(Held)) bool {
	if w.view == len(w.views) {
		return false
	}
	v := &w.views[w.view]
	w.refs = v.next(&w.at, w.refs[:0])
	now := time.Now()
	for _, r := range w.refs {
		rec := v.pages.at(r)
		if !w.held(v, rec) {
			continue
		}
		name := rec.name()
		if w.table.config.Tagged {
			name, _ = metric.CutTags(name)
		}
		visit(Held{name, uint64(size(rec.meta())*unitBytes + slotBytes), v.names.marks.first(r, rec, now)})
	}
	if len(w.refs) < cap(w.refs) {
		w.view, w.at = w.view+1, cursor{}
	}
	return true
}

// held reports whether the table held a record's name when the walk began: the name had not expired at that
// time.
func (w *Walk) held(v *view, rec record) bool {
	const flushes = 1 << 20 // more flushes than can happen during a walk
	seen := rec.lastSeen()
	return v.flush-1-seen < w.table.expire(v.names, rec) || seen-v.flush < flushes
}
