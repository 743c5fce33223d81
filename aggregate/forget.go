package aggregate

import "github.com/statsd-ops/statsd/metric"

// longAgo is a number of flushes for which no name is remembered.
const longAgo = 1 << 31

// Forget deletes a name of a kind: its content since the last Drain, and a gauge's value. Later
// samples start from nothing. It reports whether the name was known. Only the flushing goroutine
// may call it, and not between Drain and Summarize.
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

// forget makes a record expired and empty. Its memory is freed together with other
// expired names.
func (s *Shard) forget(kind metric.Kind, rec record) (known bool) {
	known = rec.seen(kind, s.flush)
	if !s.expired(rec) {
		known = true
		s.table.known.Add(-1)
		s.table.live--
		s.table.gone.Add(rec.name())
	}
	rec.clear(kind, s.flush)
	rec.setLastSeen(s.flush - 1 - longAgo) // too old for a gauge's value to count
	return known
}
