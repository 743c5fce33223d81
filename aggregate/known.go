package aggregate

import (
	"iter"

	"github.com/statsd-ops/statsd/metric"
)

// Known is a name that a table keeps from one flush to the next. The points of later flushes depend
// on earlier flushes only through these names.
type Known struct {
	Kind   metric.Kind
	Name   []byte // clean name; valid as long as the table exists
	Unseen uint32 // number of flushes since the name last had a sample
	Value  float64
	Set    int64 // time when a gauge was last set, in Unix nanoseconds; 0 if unknown
}

// Known yields each name that has not expired, in the order in which the table first saw the names.
// The table must have one shard. Only the flushing goroutine may call Known, and not between Drain
// and Summarize.
func (t *Table) Known() iter.Seq[Known] {
	return func(yield func(Known) bool) {
		v, more := t.views()[0], true
		v.walk(func(refs []ref) {
			for _, at := range refs {
				rec := v.pages.at(at)
				k := Known{Kind: kindOf(rec.meta()), Name: rec.name(), Unseen: v.flush - 1 - rec.lastSeen()}
				if !more || k.Unseen >= t.expire(v.names, rec) {
					continue
				}
				if k.Kind == metric.Gauge {
					m := rec.memory()
					k.Value, k.Set = m.value, m.setting
				}
				more = yield(k)
			}
		})
	}
}

// Recall adds a Known of another table to this table. The table must not have been used yet. Recall
// returns metric.None, or the reason if the limit of names is reached.
func (t *Table) Recall(k Known) metric.Reason {
	s := t.shardOf(k.Name)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(k.Name) > t.config.MaxNameLength {
		return metric.TooLong
	}
	name, reason := t.config.form().Append(nil, k.Name)
	if reason != metric.None {
		return reason
	}
	p := s.names.search(name)
	r := s.names.found(&p, k.Kind, name)
	if r == 0 {
		if r, reason = s.insert(&p, &newName{kind: k.Kind, name: name, flags: metaMoved | s.hidden(k.Kind, name)}); r == 0 {
			return reason
		}
	}
	rec := s.names.pages.at(r)
	rec.setLastSeen(s.flush - 1 - k.Unseen)
	if k.Kind == metric.Gauge {
		rec.setMemory(memory{value: clamp(k.Value), after: rememberedFlush, setting: max(k.Set, 0)})
	}
	return metric.None
}

// SetTime sets the time of the Drain, in Unix nanoseconds. A gauge that was set later counts as set
// at this time. SetTime is for an interval with rows from other machines, so that its points do not
// depend on the time when they are computed.
func (iv *Interval) SetTime(at int64) { iv.time = at }
