package aggregate

import (
	"math"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// marks store when records were made. At each flush a mark stores where the records end. Only the
// flushing goroutine uses marks.
type marks struct {
	began   int64  // Unix seconds: time when the first record was made, or was moved to this table
	list    []mark // sorted by ref and by time
	dropped bool   // whether old marks were removed
}

// A mark says that all records with a ref below the field end existed at the time in the field at.
type mark struct {
	end ref
	at  uint32 // time in Unix seconds
}

const (
	// In the last fineMarks seconds there is at most one mark in fineMark seconds. Older marks are
	// kept at one per coarseMark seconds, up to the age coarseMarks.
	fineMark, fineMarks     = 10, 24 * 60 * 60
	coarseMark, coarseMarks = 60, 7 * 24 * 60 * 60
	// maxMarks limits the number of marks. A mark takes 8 bytes, so the marks of a shard take at most 160 KB.
	maxMarks = fineMarks/fineMark + coarseMarks/coarseMark + 1000
)

// note adds a mark with the time now, in Unix seconds. The parameter end is the ref that follows
// the ref of the last record.
func (m *marks) note(end ref, now int64) {
	at := uint32(min(max(now, 0), math.MaxUint32))
	n := len(m.list)
	switch {
	case n > 0 && m.list[n-1].end == end: // there are no new records since the last mark
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

// thin removes the marks that are older than coarseMarks, and most of the marks that are older than
// fineMarks.
func (m *marks) thin(now uint32) {
	kept := m.list[:0]
	for i, k := range m.list {
		age := now - k.at
		if age > coarseMarks {
			m.dropped = true
			continue
		}
		// The next mark then also covers the records of the removed mark.
		next := i + 1
		if age > fineMarks && next < len(m.list) && len(kept) > 0 && m.list[next].at < kept[len(kept)-1].at+coarseMark {
			continue
		}
		kept = append(kept, k)
	}
	m.list = kept
}

// FirstSeen is the time when a name was first seen, with an error of a few seconds.
type FirstSeen struct {
	At time.Time
	// Before says that the name was first seen at the time At or earlier. The exact time was lost when
	// the table was rebuilt or the daemon was restarted.
	Before bool
}

// first returns when the record with the ref r was made.
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
		return FirstSeen{At: now} // the record was made after the last flush
	case i == 0 && m.dropped:
		return FirstSeen{time.Unix(int64(m.list[0].at), 0), true}
	}
	return FirstSeen{At: time.Unix(int64(m.list[i].at), 0)}
}

// or returns the earlier time: f or o. Both are times of records with the same name. The result's field Before is true
// if f.Before or o.Before is true.
func (f FirstSeen) or(o FirstSeen) FirstSeen {
	if o.At.Before(f.At) {
		f.At = o.At
	}
	f.Before = f.Before || o.Before
	return f
}

// Seen says when a name first and last had a sample.
type Seen struct {
	First FirstSeen
	// Unseen is the number of flushes since the last flush with a sample of the name. It is 0 if there
	// is a sample since the last Drain.
	Unseen uint32
}

// Seen returns when a name of a kind had samples. It returns false if the table does not hold the
// name. Only the flushing goroutine may call it, and not between Drain and Summarize.
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
