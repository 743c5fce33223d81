package server

import (
	"slices"
	"time"

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

// mostMissed is how many boundaries in a row count as given when only the one
// behind them was. A clock that was far ahead for a moment has given none of those
// in between.
const mostMissed = 60

// mostSpans bounds what a clock that jumps all the time can cost.
const mostSpans = state.MaxSpans

// next returns the first boundary after now that was not given.
func (s *schedule) next(now int64) int64 {
	b := floor(now, s.interval) + s.interval
	for g := s.holding(b); g != nil; g = s.holding(b) {
		b = floor(g.Last, s.interval) + s.interval // it may be of another interval
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
	if n := len(s.given); n > 0 && b > s.given[n-1].Last && b-s.given[n-1].Last <= mostMissed*s.interval {
		s.given[n-1].Last = b
		return
	}
	if len(s.given) == mostSpans {
		s.given = slices.Delete(s.given, 0, 1)
	}
	s.given = append(s.given, state.Span{First: b, Last: b})
}

// due returns the boundary to flush at when now is at or past next: the
// newest one that has come and was not given.
func (s *schedule) due(now, next int64) int64 {
	b := floor(now, s.interval)
	for g := s.holding(b); g != nil && b > next; g = s.holding(b) {
		b = floor(g.First-1, s.interval)
	}
	return max(b, next)
}

func floor(now, interval int64) int64 {
	r := now % interval
	if r < 0 {
		r += interval
	}
	return now - r
}

// untilDue returns how long to sleep before looking again whether next has
// come: the clock may be put forward meanwhile.
func untilDue(now, next int64) time.Duration { return min(time.Duration(next-now), time.Second) }
