package aggregate

import "github.com/statsd-ops/statsd/metric"

// summarizeIdle adds rows for the records s.idle[kind] of view i. The names of these records have
// no samples in view i.
func (s *summary) summarizeIdle(i int, kind metric.Kind) {
	refs := s.idle[kind]
	s.lookup(i, refs)
	for n, r := range refs {
		if !s.idleIn(i, n, kind, r) {
			continue
		}
		values := s.sn.add(i, idleShapes+int(kind), r)
		if s.program.Rows {
			s.sn.addDetail(detail{timer: s.noSamples(kind)})
		}
		s.sn.Count[kind]++
		if kind == metric.Gauge {
			s.remember(s.views[i].flush)
			value, _ := s.gauge.result()
			fill(values, value)
		}
	}
}

// idleIn reports whether the n-th name of the last lookup has no samples in any view, and view i is
// the first view with a record of the name. r is the record in view i. idleIn sets s.sources.
func (s *summary) idleIn(i, n int, kind metric.Kind, r ref) bool {
	s.sources = append(s.sources[:0], source{&s.views[i], s.views[i].pages.at(r)})
	for j := range s.views {
		v := &s.views[j]
		if j == i || !v.holds(s.found[j][n][kind]) {
			continue
		}
		rec := v.pages.at(s.found[j][n][kind])
		expired := v.flush-rec.lastSeen() >= s.table.expire(v.names, rec)
		if rec.seen(kind, v.flush) || j < i && !expired {
			return false
		}
		s.sources = append(s.sources, source{v, rec})
	}
	return true
}

// remember sets s.gauge to the value that the gauge had before the flush with the number in the
// parameter flush. s.sources are the gauge's records.
func (s *summary) remember(flush uint32) {
	s.gauge.begin()
	for _, from := range s.sources {
		if flush-1-from.rec.lastSeen() < s.table.expire(from.view.names, from.rec) {
			s.gauge.remember(from.rec)
		}
	}
}
