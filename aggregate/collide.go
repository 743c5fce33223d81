package aggregate

import "github.com/statsd-ops/statsd/metric"

// collides reports whether another kind already has a row with the path of a name. The name is the n-th of the last
// lookup, in view j.
func (s *summary) collides(j, n int, kind metric.Kind, own bool) bool {
	v := &s.views[j]
	for k, r := range s.found[j][n] {
		k := metric.Kind(k)
		if !s.program.meets[kind][k] || !v.holds(r) {
			continue
		}
		other := v.pages.at(r)
		if other.seen(k, v.flush) {
			// Its row comes later. In the name's own view, collides looks for others only if the name is a
			// twin itself.
			if own && other.meta()&metaTwin == 0 {
				return true
			}
		} else if other.lastSeen() == v.flush {
			return true
		}
	}
	return false
}
