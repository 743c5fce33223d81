package aggregate

import "github.com/statsd-ops/statsd/metric"

// collides looks in view j for names of other kinds that have the same path as one name. It reports whether a collision
// must be counted for the name now. kind is the kind of the name, and n is its index in the last lookup. The parameter
// own says that j is the view whose rows are being made.
func (s *summary) collides(j, n int, kind metric.Kind, own bool) bool {
	v := &s.views[j]
	for k, r := range s.found[j][n] {
		k := metric.Kind(k)
		if !s.program.meets[kind][k] || !v.holds(r) {
			continue
		}
		other := v.pages.at(r)
		if other.seen(k, v.flush) {
			// The record other has samples in this flush too, but no row yet. The collision must be counted only once.
			// If both records are in the same view, it is counted for the newer record, which has the flag metaTwin. If
			// they are in different views, it is counted later, when the row of other is made.
			if own && other.meta()&metaTwin == 0 {
				return true
			}
		} else if other.lastSeen() == v.flush {
			return true
		}
	}
	return false
}
