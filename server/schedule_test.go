package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/state"
)

const second = int64(time.Second)

// step does what the flush loop does when the clock shows the time in the parameter "now". If a flush was due, step
// returns the flush time that was used.
func (s *schedule) step(now int64, next *int64) (given int64, ok bool) {
	*next = s.sooner(*next, now)
	if now < *next {
		return 0, false
	}
	given = s.due(now, *next)
	s.take(given)
	*next = s.next(now)
	return given, true
}

func TestScheduleAligns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ interval, now, want int64 }{
		{10 * second, 1_000 * second, 1_010 * second},
		{10 * second, 1_000*second + 1, 1_010 * second},
		{10 * second, 1_010*second - 1, 1_010 * second},
		{second / 5, 1_000*second + second/5 + 1, 1_000*second + 2*second/5},
		{7 * second, 0, 7 * second},
		{10 * second, -second, 0}, // the time is before 1970
	} {
		s := schedule{interval: test.interval}
		if got := s.next(test.now); got != test.want {
			t.Errorf("every %v, at %v: next %v, want %v", test.interval, test.now, got, test.want)
		}
	}
}

// If flush times are missed while the process is stopped, there is one flush afterwards, with the
// latest flush time.
func TestScheduleAfterSuspension(t *testing.T) {
	t.Parallel()
	s := schedule{interval: 10 * second}
	next := s.next(1_000 * second)
	if given, ok := s.step(5_003*second, &next); !ok || given != 5_000*second {
		t.Errorf("given %v, %v, want 5000 s", given, ok)
	}
	if next != 5_010*second {
		t.Errorf("next %v, want 5010 s", next)
	}
}

// If the clock is set back by less than an interval, the flush time that is already used is
// skipped. If it is set back further, flush times are used again: the daemon flushes without a long
// pause, and its timestamps match the clock.
func TestScheduleClockPutBack(t *testing.T) {
	t.Parallel()
	s := schedule{interval: 10 * second}
	next := s.next(1_000 * second)
	for now := 1_000 * second; now <= 1_050*second; now += second {
		s.step(now, &next)
	}
	if next = s.next(1_043 * second); next != 1_060*second || s.repeated != 0 {
		t.Errorf("back by some seconds: next %v, want 1060 s; %d repeated", next, s.repeated)
	}
	if next = s.next(1_023 * second); next != 1_030*second {
		t.Errorf("back by half a minute: next %v, want 1030 s", next)
	}
	if !s.take(1_030*second) || s.repeated != 1 {
		t.Errorf("%d repeated, want 1", s.repeated)
	}
	if next = s.next(1_030 * second); next != 1_040*second || s.take(next) {
		t.Errorf("then: next %v, want 1040 s, which does not count as given any more", next)
	}
	// If the clock is set back far, no flush time is skipped, because the flush times near the new time are unused.
	if next = s.next(500 * second); next != 510*second || s.take(next) {
		t.Errorf("far back: next %v, want 510 s", next)
	}
	if next = s.next(1_050 * second); next != 1_060*second {
		t.Errorf("forward again: next %v, want 1060 s", next)
	}
}

// For any behaviour of the clock, flush times are never ahead of the clock or far behind it. After a flush or a jump of
// the clock, the next flush comes within two intervals. The number of flushes is at most the number of intervals, plus
// one for the start and one for each jump. While the clock does not jump, no flush time is used twice.
func TestSoakSchedule(t *testing.T) {
	t.Parallel()
	const steps = 2_000
	clocks := soak.Pick(200, 2_000)
	for seed := range uint64(clocks) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := schedule{interval: second * (1 + random.Int64N(20))}
		now := 1_000_000*second + random.Int64N(100*second)
		next := s.next(now)
		given := map[int64]bool{}
		flushes, jumps, silent := int64(0), int64(0), int64(0)
		begun, ran := now, int64(0)
		for range steps {
			tick := random.Int64N(second) + 1
			now += tick
			ran += tick
			silent += tick
			if random.IntN(100) == 0 {
				now += (random.Int64N(400) - 200) * second
				jumps++
				silent = 0
			}
			b, ok := s.step(now, &next)
			if silent > 2*s.interval+second {
				t.Fatalf("seed %d: silent for %v, every %v", seed, time.Duration(silent), time.Duration(s.interval))
			}
			if !ok {
				continue
			}
			flushes++
			if b > now || now-b >= 2*s.interval || b%s.interval != 0 {
				t.Fatalf("seed %d: boundary %v given at %v", seed, b, now)
			}
			if jumps == 0 && (given[b] || s.repeated > 0) {
				t.Fatalf("seed %d: boundary %v given again by a clock that never jumped", seed, b)
			}
			given[b], silent = true, 0
		}
		if limit := ran/s.interval + jumps + 1; flushes > limit {
			t.Errorf("seed %d: %d flushes in %v with %d jumps, want at most %d (began at %v)",
				seed, flushes, time.Duration(ran), jumps, limit, begun)
		}
	}
	soak.Row(t, fmt.Sprintf("clock stepped by up to 200 s, one step in a hundred of %d", clocks*steps),
		"no flush time ahead of the clock, at most 2 intervals without a flush, no burst of flushes", "the same")
}

// The state file may hold flush times of another interval, flush times in the future from a wrong
// clock, or flush times of several restarts. For any such content, the first flush comes within two
// intervals. The timestamp of the last flush is at most one interval ahead of the clock.
func TestScheduleAfterPredecessor(t *testing.T) {
	t.Parallel()
	const now, interval = 1_001 * second, 10 * second
	for name, given := range map[string][]state.Span{
		"nothing":              nil,
		"the coming boundary":  {{First: 900 * second, Last: 1_010 * second}},
		"two":                  {{First: 900 * second, Last: 1_020 * second}},
		"another interval":     {{First: 7 * second, Last: 1_036 * second}},
		"a clock an hour off":  {{First: 900 * second, Last: 1_000 * second}, {First: 1_005 * second, Last: 4_600 * second}},
		"years ahead":          {{First: 0, Last: 1_000_000 * second}},
		"the end of all times": {{First: -1 << 63, Last: 1<<63 - 1}},
	} {
		s := schedule{interval: interval, given: slices.Clone(given)}
		next := s.next(now)
		if next <= now || next > now+2*interval {
			t.Errorf("%s: the first flush is due at %v", name, next)
		}
		// The loop wakes up several times before a flush, and a little after the flush time.
		loop, due := schedule{interval: interval, given: slices.Clone(given)}, next
		for clock := now + second/7; ; clock += second {
			if clock > now+2*interval+second {
				t.Errorf("%s: the loop is silent", name)
				break
			}
			if _, flushed := loop.step(clock, &due); flushed {
				break
			}
		}
		if last := s.last(now); last <= now || last > now+interval {
			t.Errorf("%s: a last flush has the time %v", name, last)
		}
		if again := s.take(next); again != (s.repeated == 1) {
			t.Errorf("%s: given again %v, %d counted", name, again, s.repeated)
		}
		if after := s.next(next); after > next+2*interval || s.take(after) {
			t.Errorf("%s: the second flush is due at %v, after one at %v", name, after, next)
		}
	}
}

// If the clock is set back repeatedly, the number of spans of used flush times stays limited.
func TestScheduleIsBounded(t *testing.T) {
	t.Parallel()
	s := schedule{interval: second}
	next := s.next(1_000_000 * second)
	for i := range int64(10_000) {
		now := (1_000_000 - i*10) * second
		next = s.next(now)
		s.step(next, &next)
	}
	if len(s.given) > maxSpans {
		t.Errorf("%d spans are remembered", len(s.given))
	}
}

// If the clock is far ahead for one flush, the flush times that the clock has jumped over do not count as used.
func TestScheduleAfterGlitch(t *testing.T) {
	s := schedule{interval: 10}
	for b := int64(10); b <= 1000; b += 10 {
		s.take(s.due(b, s.next(b-1)))
	}
	s.take(s.due(1_000_000_000, s.next(1001)))
	if got := s.next(1015); got != 1020 {
		t.Errorf("the flush after the glitch is due at %d, want 1020", got)
	}
}
