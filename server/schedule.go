package server

import (
	"slices"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/state"
)

// schedule says when flushes are due: at the wall clock's multiples of the
// interval. It gives each boundary once, as far as that is possible without a wrong time or a
// long silence: a boundary that was given before, by a predecessor or because the clock was put back, is
// passed over, but never two in a row. Then boundaries are given again, and counted.
// Boundaries missed while the process was stopped are not made up for.
type schedule struct {
	interval int64 // nanoseconds
	// given are the boundaries given so far, as spans from first to last. A new
	// span begins when the clock was put back. They are kept over a restart.
	given    []state.Span
	repeated uint64 // boundaries given again
}

// maxMissed is the largest gap, in intervals, that is still merged into one span. A clock
// that was far ahead for a moment does not use up the boundaries in between.
const maxMissed = 60

// maxSpans bounds the cost of a clock that jumps all the time.
const maxSpans = state.MaxSpans

// next returns the first boundary after now, or the second if only the first was given.
func (s *schedule) next(now int64) int64 {
	b := clock.Floor(now, s.interval) + s.interval
	if s.holding(b) != nil && s.holding(b+s.interval) == nil {
		return b + s.interval
	}
	return b
}

// last returns the boundary for a last flush: the one that the interval would have reached. A later one
// would be a wrong time.
func (s *schedule) last(now int64) int64 { return clock.Floor(now, s.interval) + s.interval }

// holding returns a span that b was given in, or nil.
func (s *schedule) holding(b int64) *state.Span {
	for i := range s.given {
		if g := &s.given[i]; g.First <= b && b <= g.Last {
			return g
		}
	}
	return nil
}

// take gives boundary b. It reports whether b was given before: then what was given after it does not
// count any more, as the clock or a predecessor's was wrong.
func (s *schedule) take(b int64) (again bool) {
	if again = s.holding(b) != nil; again {
		s.repeated++
		s.forget(b)
	}
	if n := len(s.given); n > 0 && b > s.given[n-1].Last && b-s.given[n-1].Last <= maxMissed*s.interval {
		s.given[n-1].Last = b
		return again
	}
	if len(s.given) == maxSpans {
		s.given = slices.Delete(s.given, 0, 1)
	}
	s.given = append(s.given, state.Span{First: b, Last: b})
	return again
}

// forget forgets the boundaries from b on.
func (s *schedule) forget(b int64) {
	s.given = slices.DeleteFunc(s.given, func(g state.Span) bool { return g.First >= b })
	for i := range s.given {
		s.given[i].Last = min(s.given[i].Last, clock.Floor(b-1, s.interval))
	}
}

// due returns the boundary to flush at when now is at or past next: the
// newest one that has come, or the one before if only the newest was given.
func (s *schedule) due(now, next int64) int64 {
	b := clock.Floor(now, s.interval)
	if s.holding(b) != nil && s.holding(b-s.interval) == nil {
		b -= s.interval
	}
	return max(b, next)
}
