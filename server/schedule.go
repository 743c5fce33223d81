package server

import (
	"slices"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/state"
)

// schedule says when flushes are due: at the wall clock's multiples of the
// interval. It gives each of them once, whatever the clock does: when that was
// put back, those that were given are passed over, and the flush comes later.
// What was missed while the process stood still is not made up for.
type schedule struct {
	interval int64 // nanoseconds
	// given are the boundaries given so far, as spans from first to last. A new
	// span begins when the clock was put back. They are kept over a restart.
	given []state.Span
}

// maxMissed is how many boundaries in a row count as given when only the one
// behind them was. A clock that was far ahead for a moment has given none of those
// in between.
const maxMissed = 60

// maxSpans bounds what a clock that jumps all the time can cost.
const maxSpans = state.MostSpans

// next returns the first boundary after now that was not given.
func (s *schedule) next(now int64) int64 {
	b := clock.Floor(now, s.interval) + s.interval
	for g := s.holding(b); g != nil; g = s.holding(b) {
		b = clock.Floor(g.Last, s.interval) + s.interval // it may be of another interval
	}
	return b
}

// holding returns a span that b was given in, or nil.
func (s *schedule) holding(b int64) *state.Span {
	for i := range s.given {
		if g := &s.given[i]; g.First <= b && b <= g.Last {
			return g
		}
	}
	return nil
}

// take gives boundary b.
func (s *schedule) take(b int64) {
	if n := len(s.given); n > 0 && b > s.given[n-1].Last && b-s.given[n-1].Last <= maxMissed*s.interval {
		s.given[n-1].Last = b
		return
	}
	if len(s.given) == maxSpans {
		s.given = slices.Delete(s.given, 0, 1)
	}
	s.given = append(s.given, state.Span{First: b, Last: b})
}

// due returns the boundary to flush at when now is at or past next: the
// newest one that has come and was not given.
func (s *schedule) due(now, next int64) int64 {
	b := clock.Floor(now, s.interval)
	for g := s.holding(b); g != nil && b > next; g = s.holding(b) {
		b = clock.Floor(g.First-1, s.interval)
	}
	return max(b, next)
}
