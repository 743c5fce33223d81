package aggregate

import (
	"hash/maphash"
	"iter"
	"math"

	"github.com/statsd-ops/statsd/metric"
)

// Remembered is the value of a gauge between two flush intervals. Later samples can adjust it.
type Remembered struct {
	Name   []byte // clean name; valid only until the iterator yields the next Remembered
	Value  float64
	Set    int64  // time when the gauge was last set, in Unix nanoseconds; 0 if unknown
	Unseen uint32 // number of flushes since the last flush with a sample
}

// The gauges given to Remember count as last seen in rememberedFlush. The first flush of the table
// is firstFlush.
const (
	rememberedFlush = 1
	firstFlush      = rememberedFlush + 1
)

// Remembered yields each gauge that has a value and has not expired. Only the flushing
// goroutine may call it, and not between Drain and Summarize.
func (t *Table) Remembered() iter.Seq[Remembered] {
	return func(yield func(Remembered) bool) {
		r := t.newRemembering()
		for i := range r.views {
			if !r.yield(i, yield) {
				return
			}
		}
	}
}

// remembering is the state of a walk through all gauges of a table.
type remembering struct {
	table *Table
	views []view
	// The gauges of one batch of records.
	gauges []record
	names  [][]byte
	found  [][metric.Kinds]ref
	newest []bool
}

func (t *Table) newRemembering() *remembering {
	return &remembering{table: t, views: t.views(), found: make([][metric.Kinds]ref, batchSize)}
}

// yield yields the gauges whose newest value is in the i-th shard. It returns false when the caller
// wants no more gauges.
func (r *remembering) yield(i int, yield func(Remembered) bool) bool {
	v, more := &r.views[i], true
	v.walk(func(refs []ref) {
		if !more {
			return
		}
		r.gauges, r.names = r.gauges[:0], r.names[:0]
		for _, at := range refs {
			if rec := v.pages.at(at); kindOf(rec.meta()) == metric.Gauge && rec.memory().after != 0 {
				r.gauges = append(r.gauges, rec)
				r.names = append(r.names, rec.name())
			}
		}
		r.findNewest(i)
		for n, rec := range r.gauges {
			unseen := v.flush - 1 - rec.lastSeen()
			if !more || !r.newest[n] || unseen >= r.table.expire(v.names, rec) {
				continue
			}
			m := rec.memory()
			more = yield(Remembered{Name: rec.name(), Value: m.value, Set: m.setting, Unseen: unseen})
		}
	})
	return more
}

// findNewest stores in r.newest which of r.gauges have their newest value in shard i. If two shards have values from
// the same flush, the value in the first of these shards counts as the newest.
func (r *remembering) findNewest(i int) {
	r.newest = r.newest[:0]
	for range r.gauges {
		r.newest = append(r.newest, true)
	}
	for j := range r.views {
		if j == i {
			continue
		}
		other := &r.views[j]
		other.lookup(r.names, r.found)
		for n, rec := range r.gauges {
			if at := r.found[n][metric.Gauge]; other.holds(at) {
				theirs, ours := other.pages.at(at).memory().after, rec.memory().after
				r.newest[n] = r.newest[n] && (theirs < ours || theirs == ours && j > i)
			}
		}
	}
}

// Remember gives the table an earlier value of a gauge, which later samples can adjust. The table
// must not have been used yet. Remember returns metric.None, or the reason if the limit of names is
// reached.
func (t *Table) Remember(g Remembered) metric.Reason {
	return t.Recall(Known{Kind: metric.Gauge, Name: g.Name, Value: g.Value, Set: min(g.Set, t.clock.now()), Unseen: g.Unseen})
}

// shardOf returns the shard that stores the remembered value of a name.
func (t *Table) shardOf(name []byte) *Shard {
	return t.shards[maphash.Bytes(t.seed, name)%uint64(len(t.shards))]
}

// memory is the part of a gauge's record that keeps its value between flushes.
type memory struct {
	value   float64
	after   uint32 // number of the flush that computed the value, 0 if there is no value
	setting int64  // time when the gauge was last set, in Unix nanoseconds; 0 if unknown
}

func (r record) setMemory(m memory) {
	r.setWord(gaugeMemory, math.Float64bits(m.value))
	r.setWord(gaugeMemory+8, uint64(m.setting))
	r.setHalf(gaugeMemory+16, m.after)
}

func (r record) memory() memory {
	return memory{math.Float64frombits(r.word(gaugeMemory)), r.half(gaugeMemory + 16), int64(r.word(gaugeMemory + 8))}
}
