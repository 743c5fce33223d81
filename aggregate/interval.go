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
	known int64 // names known when it was taken out
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

// walk calls visit with the places of all records, batchSize or fewer at a time.
// Between two calls it lets other goroutines go first.
func (v *view) walk(visit func([]ref)) {
	batch := make([]ref, 0, batchSize)
	for i, p := range v.pages {
		unit, end := 0, pageUnits
		if i == 0 {
			unit = 1
		}
		if i == len(v.pages)-1 {
			end = v.used
		}
		for unit < end {
			meta := record(p[unit*8:]).meta()
			if meta == 0 {
				break
			}
			batch = append(batch, ref(i<<pageShift|unit))
			unit += size(meta)
			if len(batch) == batchSize {
				visit(batch)
				batch = batch[:0]
				runtime.Gosched()
			}
		}
	}
	visit(batch)
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
			copy(moved[gaugeMemory:gaugeMemory+16], rec[gaugeMemory:])
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
