package aggregate

import (
	"runtime"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Interval is what a Table collected between two flushes, not yet summarised:
// sums, samples and members of each name, shard by shard.
type Interval struct {
	// Swap is how long the shards were locked to take it out, in all.
	Swap time.Duration
	// Record, unless nil, is called by Summarize for each name, in the order of its rows,
	// with what the name collected.
	Record func(*metric.Collected)

	table *Table
	views []view
	time  int64 // when it was taken out, in Unix nanoseconds
	known int64 // names known when it was taken out, shard by shard
}

// view is one shard's part of an Interval: the records that were there when
// it was taken out.
type view struct {
	shard   *Shard
	names   *names
	pages   pages
	used    int // words of the last page
	flush   uint32
	blocks  *blocks
	retired bool // the shard has begun new names since
}

// batchSize is how many records are looked at at once: few enough that the
// receivers hardly wait for a lock held as long.
const batchSize = 256

// views returns what the shards hold now, between two flushes.
func (t *Table) views() []view {
	views := make([]view, len(t.shards))
	for i, s := range t.shards {
		s.mutex.Lock()
		views[i] = view{shard: s, names: s.names, pages: s.names.pages, used: s.names.used, flush: s.flush}
		s.mutex.Unlock()
	}
	return views
}

// cursor is how far a walk through the records of a view has come.
type cursor struct{ page, unit int }

// next appends the places of the next records to batch, until that is full or
// there are no more.
func (v *view) next(c *cursor, batch []ref) []ref {
	for ; c.page < len(v.pages); c.page, c.unit = c.page+1, 0 {
		if c.page == 0 {
			c.unit = max(c.unit, 1)
		}
		end := pageUnits
		if c.page == len(v.pages)-1 {
			end = v.used
		}
		for c.unit < end {
			meta := record(v.pages[c.page][c.unit*8:]).meta()
			if meta == 0 {
				break
			}
			if len(batch) == cap(batch) {
				return batch
			}
			batch = append(batch, ref(c.page<<pageShift|c.unit))
			c.unit += size(meta)
		}
	}
	return batch
}

// walk calls visit with the places of all records, batchSize or fewer at a time.
// Between two calls it lets other goroutines go first.
func (v *view) walk(visit func([]ref)) {
	var at cursor
	for batch := make([]ref, 0, batchSize); ; runtime.Gosched() {
		batch = v.next(&at, batch[:0])
		visit(batch)
		if len(batch) < batchSize {
			return
		}
	}
}

// lookup stores in found, for each of the names, the places of its records in
// this shard.
func (v *view) lookup(names [][]byte, found [][metric.Kinds]ref) {
	v.shard.mutex.Lock()
	for i, name := range names {
		v.names.findKinds(name, &found[i])
	}
	v.shard.mutex.Unlock()
}

// holds reports whether r is a record that was there when the view was taken.
// A newer one holds nothing of the interval.
func (v *view) holds(r ref) bool {
	p, last := int(r>>pageShift), len(v.pages)-1
	return r != 0 && (p < last || p == last && int(r&(pageUnits-1)) < v.used)
}

// carry moves records to the names that replaced those of the view.
func (v *view) carry(refs []ref) {
	s := v.shard
	s.mutex.Lock()
	for _, r := range refs {
		rec := v.pages.at(r)
		kind := kindOf(rec.meta())
		to := s.names.find(kind, rec.name())
		if to == 0 {
			to = s.names.insert(kind, rec.name(), rec.lastSeen())
		}
		moved := s.names.pages.at(to)
		moved.setLastSeen(rec.lastSeen())
		if kind == metric.Gauge {
			copy(moved[gaugeMemory:gaugeMemory+memoryBytes], rec[gaugeMemory:])
		}
	}
	s.mutex.Unlock()
}

// release gives back what the interval alone needed.
func (v *view) release() {
	s := v.shard
	s.mutex.Lock()
	v.blocks.release()
	if v.retired {
		s.retiring = nil
	}
	s.mutex.Unlock()
}
