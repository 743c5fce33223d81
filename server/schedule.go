package server

import (
	"slices"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/state"
)

// schedule decides when flushes are due: at multiples of the interval on the wall clock (flush
// times). It uses each flush time once if possible. After a restart, or after the clock was set
// back, some flush times are already used: schedule skips them. But it never skips two in a row,
// because the daemon would be silent for too long. Instead it uses flush times again, and counts
// them. Flush times that were missed while the process was stopped are lost.
type schedule struct {
	interval int64 // nanoseconds
	// given holds the flush times already used, as spans from first to last. If the clock is set back,
	// a new span begins. The state file keeps the spans.
	given    []state.Span
	repeated uint64 // number of flush times that were used again
}

// maxMissed is the largest gap between two flushes, in intervals, that is merged into one span. If
// the clock jumps further ahead, the flush times in the gap do not count as used.
const maxMissed = 60

// maxSpans limits the number of spans, because a clock can be set back often.
const maxSpans = state.MaxSpans

// next returns the first flush time after the time now. If this flush time is already used and the
// following flush time is not, it returns the following one.
func (s *schedule) next(now int64) int64 {
	b := clock.Floor(now, s.interval) + s.interval
	if s.holding(b) != nil && s.holding(b+s.interval) == nil {
		return b + s.interval
	}
	return b
}

// sooner computes the next flush time again. The parameter next is the earlier result: it may be too late because the
// clock was set back, or an early flush may have used it. A flush time that has come does not change: otherwise the flush
// would never happen if later flush times are used too.
func (s *schedule) sooner(next, now int64) int64 {
	if now >= next {
		return next
	}
	if s.holding(next) != nil {
		return s.next(now)
	}
	return min(next, s.next(now))
}

// last returns the end of the running interval. It is the timestamp of a flush that does not wait
// for the next flush time: an early flush, or the final flush when the daemon ends.
func (s *schedule) last(now int64) int64 { return clock.Floor(now, s.interval) + s.interval }

// holding returns the span that contains flush time b, or nil.
func (s *schedule) holding(b int64) *state.Span {
	for i := range s.given {
		if g := &s.given[i]; g.First <= b && b <= g.Last {
			return g
		}
	}
	return nil
}

// take marks flush time b as used and reports whether it was used before. If it was, an earlier
// clock was wrong, so take marks all later flush times as unused.
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

// forget marks b and all later flush times as unused.
func (s *schedule) forget(b int64) {
	s.given = slices.DeleteFunc(s.given, func(g state.Span) bool { return g.First >= b })
	for i := range s.given {
		s.given[i].Last = min(s.given[i].Last, clock.Floor(b-1, s.interval))
	}
}

// due returns the flush time for a flush at the time now: the latest flush time up to now. If this flush time is
// already used and the previous flush time is not, due returns the previous flush time. It never returns a time
// before the parameter next.
func (s *schedule) due(now, next int64) int64 {
	b := clock.Floor(now, s.interval)
	if s.holding(b) != nil && s.holding(b-s.interval) == nil {
		b -= s.interval
	}
	return max(b, next)
}
