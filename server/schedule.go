package server

import (
	"slices"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/state"
)

// schedule decides when flushes are due: at multiples of the interval on the wall clock. It uses each boundary once if
// possible. It skips a boundary that an earlier run used, or that was used before the clock was set back. But it never
// skips two in a row: that would be a long silence. It then uses boundaries again, and counts them. Boundaries missed
// while the process was stopped are lost.
type schedule struct {
	interval int64 // nanoseconds
	// given holds the boundaries already used, as spans from first to last. A clock that is set back begins a new span.
	// The state file keeps the spans.
	given    []state.Span
	repeated uint64 // boundaries used again
}

// maxMissed is the largest gap, in intervals, that is still merged into one span. Thus a clock that was far ahead for a
// moment does not use up the boundaries in between.
const maxMissed = 60

// maxSpans bounds the cost of a clock that is set back often.
const maxSpans = state.MaxSpans

// next returns the first boundary after now, or the second one if only the first was used.
func (s *schedule) next(now int64) int64 {
	b := clock.Floor(now, s.interval) + s.interval
	if s.holding(b) != nil && s.holding(b+s.interval) == nil {
		return b + s.interval
	}
	return b
}

// sooner computes the next boundary again. The old one may be too late because the clock was set back, or an early
// flush may have used it.
func (s *schedule) sooner(next, now int64) int64 {
	if s.holding(next) != nil {
		return s.next(now)
	}
	return min(next, s.next(now))
}

// last returns the boundary for the last flush: the end of the running interval. A later time would be wrong.
func (s *schedule) last(now int64) int64 { return clock.Floor(now, s.interval) + s.interval }

// holding returns the span that contains b, or nil.
func (s *schedule) holding(b int64) *state.Span {
	for i := range s.given {
		if g := &s.given[i]; g.First <= b && b <= g.Last {
			return g
		}
	}
	return nil
}

// take marks boundary b as used and reports whether it was used before. In that case the boundaries
// after it are forgotten, because an earlier clock was wrong.
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

// forget drops the boundaries from b on.
func (s *schedule) forget(b int64) {
	s.given = slices.DeleteFunc(s.given, func(g state.Span) bool { return g.First >= b })
	for i := range s.given {
		s.given[i].Last = min(s.given[i].Last, clock.Floor(b-1, s.interval))
	}
}

// due returns the boundary for a flush at the time now, which is not before next. It is the newest boundary up to now,
// or the one before it if only the newest was used.
func (s *schedule) due(now, next int64) int64 {
	b := clock.Floor(now, s.interval)
	if s.holding(b) != nil && s.holding(b-s.interval) == nil {
		b -= s.interval
	}
	return max(b, next)
}
