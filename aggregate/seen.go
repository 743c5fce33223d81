package aggregate

import (
	"math"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// marks record when records were made: at each flush, where the records ended. Only the flushing goroutine uses them.
type marks struct {
	began   int64  // Unix seconds: when the first record was made, or moved here
	list    []mark // by place and by time
	dropped bool   // whether the first marks were removed
}

// mark says that the records before end were there at a time.
type mark struct {
	end ref
	at  uint32 // Unix seconds
}

const (
	// In the last fineMarks seconds there is at most one mark every fineMark seconds. Before that,
	// there is one mark every coarseMark seconds, up to an age of coarseMarks.
	fineMark, fineMarks     = 10, 24 * 60 * 60
	coarseMark, coarseMarks = 60, 7 * 24 * 60 * 60
	// maxMarks limits their number. At 8 bytes each it is 160 KB a shard.
	maxMarks = fineMarks/fineMark + coarseMarks/coarseMark + 1000
)

// note adds a mark: the records made up to now (Unix seconds) end at end.
func (m *marks) note(end ref, now int64) {
	at := uint32(min(max(now, 0), math.MaxUint32))
	n := len(m.list)
	switch {
	case n > 0 && m.list[n-1].end == end: // no new records
		return
	case n > 1 && at < m.list[n-2].at+fineMark:
		m.list[n-1] = mark{end, max(m.list[n-1].at, at)}
	default:
		m.list = append(m.list, mark{end, at})
	}
	if len(m.list) >= maxMarks {
		m.thin(at)
	}
}

// thin drops marks that are too old, and most of those that are not new.
func (m *marks) thin(now uint32) {
	kept := m.list[:0]
	for i, k := range m.list {
		age := now - k.at
		if age > coarseMarks {
			m.dropped = true
			continue
		}
		// The next mark then covers the records of the removed mark too.
		next := i + 1
		if age > fineMarks && next < len(m.list) && len(kept) > 0 && m.list[next].at < kept[len(kept)-1].at+coarseMark {
			continue
		}
		kept = append(kept, k)
	}
	m.list = kept
}

// FirstSeen is when a name was first seen, exact to some seconds.
type FirstSeen struct {
	At time.Time
	// Before says that the name was first seen at At or earlier: a rebuild of the table or a restart
	// forgot the time.
	Before bool
}

// first returns when the record at r was made.
func (m *marks) first(r ref, rec record, now time.Time) FirstSeen {
	if rec.meta()&metaMoved != 0 {
		return FirstSeen{time.Unix(m.began, 0), true}
	}
	i, _ := slices.BinarySearchFunc(m.list, r, func(k mark, r ref) int {
		if k.end <= r {
			return -1
		}
		return 1
	})
	switch {
	case i == len(m.list):
		return FirstSeen{At: now} // since the last flush
	case i == 0 && m.dropped:
		return FirstSeen{time.Unix(int64(m.list[0].at), 0), true}
	}
	return FirstSeen{At: time.Unix(int64(m.list[i].at), 0)}
}

// or combines the times of two records of a name: it returns the earlier one.
func (f FirstSeen) or(o FirstSeen) FirstSeen {
	if o.At.Before(f.At) {
		f.At = o.At
	}
	f.Before = f.Before || o.Before
	return f
}

// Seen says when a name was first and last seen.
type Seen struct {
	First FirstSeen
	// Unseen is the number of flushes since the last one with a sample of the name; 0 if a sample
	// came since the last Drain.
	Unseen uint32
}

// Seen returns when a name of a kind was seen. It reports false for a name that is not held. Only the
// flushing goroutine may call it, and not between Drain and Summarize.
func (t *Table) Seen(kind metric.Kind, name []byte) (seen Seen, held bool) {
	now := time.Now()
	for _, s := range t.shards {
		s.mutex.Lock()
		r := s.names.find(kind, name)
		if r == 0 {
			s.mutex.Unlock()
			continue
		}
		rec := s.names.pages.at(r)
		in, expired := rec.seen(kind, s.flush), s.expired(rec)
		s.mutex.Unlock()
		if expired && !in {
			continue
		}
		unseen := uint32(0)
		if !in && rec.lastSeen() != s.flush {
			unseen = s.flush - 1 - rec.lastSeen() + 1
		}
		first := s.names.marks.first(r, rec, now)
		if held {
			first, unseen = first.or(seen.First), min(unseen, seen.Unseen)
		}
		seen, held = Seen{first, unseen}, true
	}
	return seen, held
}
