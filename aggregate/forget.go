package aggregate

import "github.com/statsd-ops/statsd/metric"

// longAgo is a number of flushes. A name without samples for that many flushes has always expired.
const longAgo = 1 << 31

// Forget deletes a name of a kind: its values since the last Drain, and the remembered value of a
// gauge. Later samples of the name start a new metric. Forget reports whether the table knew the
// name. Only the flushing goroutine may call it, and not between Drain and Summarize.
func (t *Table) Forget(kind metric.Kind, name []byte) bool {
	known := false
	for _, s := range t.shards {
		s.mutex.Lock()
		if r := s.names.find(kind, name); r != 0 {
			known = s.forget(kind, s.names.pages.at(r)) || known
		}
		s.mutex.Unlock()
	}
	return known
}

// forget empties a record and marks it as expired. The memory is freed together with the memory of
// other expired names.
func (s *Shard) forget(kind metric.Kind, rec record) (known bool) {
	known = rec.seen(kind, s.flush)
	if !s.expired(rec) {
		known = true
		s.table.known.Add(-1)
		s.table.live--
		s.table.gone.Add(rec.name())
	}
	rec.clear(kind, s.flush)
	rec.setLastSeen(s.flush - 1 - longAgo) // so long ago that even the value of a gauge has expired
	return known
}
