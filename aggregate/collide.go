package aggregate

import "github.com/statsd-ops/statsd/metric"

// collides reports whether a name of another kind already has a row with the same path. The name is
// the n-th name of the last lookup, in view j. The parameter own says that j is the view whose rows
// are being made.
func (s *summary) collides(j, n int, kind metric.Kind, own bool) bool {
	v := &s.views[j]
	for k, r := range s.found[j][n] {
		k := metric.Kind(k)
		if !s.program.meets[kind][k] || !v.holds(r) {
			continue
		}
		other := v.pages.at(r)
		if other.seen(k, v.flush) {
			// Both names have samples in this flush, but the collision must be counted only once. In the
			// name's own view, it is counted for the newer of the two records, which has the flag metaTwin.
			// In another view, it is counted later, when the row of the record other is made.
			if own && other.meta()&metaTwin == 0 {
				return true
			}
		} else if other.lastSeen() == v.flush {
			return true
		}
	}
	return false
}
