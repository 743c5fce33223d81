package aggregate

import (
	"runtime"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Interval contains the values that a Table collected from one flush to the next. Summarize turns
// these values into points.
type Interval struct {
	// Swap is the total time for which Drain held the locks of the shards.
	Swap time.Duration
	// Hits are the numbers of samples that each rule has matched, indexed by the number of the rule.
	// The rules are the same during the whole interval.
	Hits []uint64
	// Record, unless it is nil, is called by Summarize for each name, with the name's raw values.
	Record func(*metric.Collected)
	// Omit, unless it is nil, selects names for which Summarize makes no points. Another daemon makes
	// the points of these names from their rows.
	Omit func(name []byte) bool

	table *Table
	views []view
	time  int64 // time of the Drain, by the table's clock
	known int64 // number of names known at the time of the Drain
}

// view is one shard's part of an Interval: the records that existed at the time of the Drain.
type view struct {
	shard   *Shard
	names   *names
	pages   pages
	used    int // number of units used in the last page
	flush   uint32
	blocks  *blocks
	retired bool // whether the shard has begun a new names table
	reruled bool // whether the new names table was begun because of new rules
}

// batchSize is the number of records that are looked up while a lock is held. It is so small that
// receivers hardly have to wait.
const batchSize = 256

// views returns views of all shards. It can be called between two flushes.
func (t *Table) views() []view {
	views := make([]view, len(t.shards))
	for i, s := range t.shards {
		s.mutex.Lock()
		views[i] = view{shard: s, names: s.names, pages: s.names.pages, used: s.names.used, flush: s.flush}
		s.mutex.Unlock()
	}
	return views
}

// cursor is a position in the pages of a view: the next record begins at this page and unit.
type cursor struct{ page, unit int }

// next appends the refs of the next records to batch, until batch is full or there are no more
// records.
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
			meta := record(v.pages[c.page][c.unit*unitBytes:]).meta()
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

// walk calls visit with the refs of all records, at most batchSize at a time. Between two calls it
// lets other goroutines run.
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

// lookup finds the records of each name in this shard, and stores their refs in the parameter
// found.
func (v *view) lookup(names [][]byte, found [][metric.Kinds]ref) {
	v.shard.mutex.Lock()
	for i, name := range names {
		v.names.findKinds(name, &found[i])
	}
	v.shard.mutex.Unlock()
}

// holds reports whether r is a record of this view. A record that is newer than the view has no
// values of the view's interval.
func (v *view) holds(r ref) bool {
	p, last := int(r>>pageShift), len(v.pages)-1
	return r != 0 && (p < last || p == last && int(r&(pageUnits-1)) < v.used)
}

// carryBatch is the number of records moved while a lock is held, if rules must be applied.
const carryBatch = 16

// carry moves records from the names table of the view to the shard's current names table. It
// returns the number of names that no longer exist under the current rules.
func (v *view) carry(refs []ref, gone NameCounter) (lost int) {
	most := len(refs)
	if v.reruled {
		most = carryBatch
	}
	for batch := range slices.Chunk(refs, max(most, 1)) {
		v.shard.mutex.Lock()
		for _, r := range batch {
			if !v.carryOne(r) {
				lost++
				gone.Add(v.pages.at(r).name())
			}
		}
		v.shard.mutex.Unlock()
	}
	return lost
}

// carryOne moves one record from the names table of the view to the shard's current names table. It
// returns false if the record's name no longer exists under the current rules.
func (v *view) carryOne(r ref) bool {
	s, rec := v.shard, v.pages.at(r)
	kind := kindOf(rec.meta())
	p := s.names.search(rec.name())
	to := s.names.found(&p, kind, rec.name())
	if to == 0 {
		flags, rule := rec.meta()&(metaHidden|MaxTTLs<<metaClass), v.names.ruled[r]
		if v.reruled {
			var exists bool
			if flags, rule, exists = s.inherit(v.names, r); !exists {
				return false
			}
		}
		to = s.names.insert(&p, &newName{kind, rec.name(), rec.lastSeen(), flags | metaMoved})
		if rule > 0 {
			s.names.note(to, rule)
		}
		if s.muteOf(rec.name()) != nil {
			s.marked.set(to)
		}
	}
	moved := s.names.pages.at(to)
	moved.setLastSeen(rec.lastSeen())
	if kind == metric.Gauge {
		copy(moved[gaugeMemory:gaugeMemory+memoryBytes], rec[gaugeMemory:])
	}
	return true
}

// release frees the memory that only this interval used.
func (v *view) release() {
	s := v.shard
	s.mutex.Lock()
	v.blocks.release()
	if v.retired {
		s.retiring = nil
	}
	s.mutex.Unlock()
}
