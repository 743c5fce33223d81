package aggregate

import (
	"runtime"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Interval is the content of a Table from one flush to the next, before it is summarised.
type Interval struct {
	// Swap is how long Drain held the locks of the shards, in total.
	Swap time.Duration
	// Hits are the numbers of samples that each rule matched, by the number of the rule. The rules did not change
	// during the interval.
	Hits []uint64
	// Summarize calls Record, unless it is nil, for each name with its raw values.
	Record func(*metric.Collected)
	// Omit, unless nil, selects names without points: another daemon makes their points from their rows.
	Omit func(name []byte) bool

	table *Table
	views []view
	time  int64 // time of the Drain, see clock
	known int64 // names known at the Drain
}

// view is one shard's part of an Interval: the records that existed when it was taken.
type view struct {
	shard   *Shard
	names   *names
	pages   pages
	used    int // units used in the last page
	flush   uint32
	blocks  *blocks
	retired bool // whether the shard has begun a new names
	reruled bool // because of new rules
}

// batchSize is the number of records that are looked up under one lock: few enough that receivers hardly wait.
const batchSize = 256

// views returns the content of the shards, between two flushes.
func (t *Table) views() []view {
	views := make([]view, len(t.shards))
	for i, s := range t.shards {
		s.mutex.Lock()
		views[i] = view{shard: s, names: s.names, pages: s.names.pages, used: s.names.used, flush: s.flush}
		s.mutex.Unlock()
	}
	return views
}

// cursor is a position in the records of a view.
type cursor struct{ page, unit int }

// next appends the places of the next records to batch, until it is full or there are
// no more.
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

// walk calls visit with the places of all records, at most batchSize at a time. In
// between it lets other goroutines run.
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

// lookup stores in found the places of each name's records in this shard.
func (v *view) lookup(names [][]byte, found [][metric.Kinds]ref) {
	v.shard.mutex.Lock()
	for i, name := range names {
		v.names.findKinds(name, &found[i])
	}
	v.shard.mutex.Unlock()
}

// holds reports whether r is a record of this view. Newer records have no values of the interval.
func (v *view) holds(r ref) bool {
	p, last := int(r>>pageShift), len(v.pages)-1
	return r != 0 && (p < last || p == last && int(r&(pageUnits-1)) < v.used)
}

// carryBatch is the number of records carried under one lock if rules must be applied.
const carryBatch = 16

// carry moves records from the names of the view to the names that replaced them. It returns how many no
// longer exist under the rules.
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

// carryOne moves a record. It returns false if its name no longer exists under the rules.
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

// release frees the memory that only this interval needed.
func (v *view) release() {
	s := v.shard
	s.mutex.Lock()
	v.blocks.release()
	if v.retired {
		s.retiring = nil
	}
	s.mutex.Unlock()
}
