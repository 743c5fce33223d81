package server

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/state"
)

const second = int64(time.Second)

// step is the flush loop's use of a schedule, when the clock says now.
func (s *schedule) step(now int64, next *int64) (given int64, ok bool) {
	*next = min(*next, s.next(now))
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
		{10 * second, -second, 0}, // a clock before 1970
	} {
		s := schedule{interval: test.interval}
		if got := s.next(test.now); got != test.want {
			t.Errorf("every %v, at %v: next %v, want %v", test.interval, test.now, got, test.want)
		}
	}
}

// What was missed while the process stood still is one flush, at the newest
// boundary.
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

// When the clock is put back, boundaries that were given are passed over.
func TestScheduleClockPutBack(t *testing.T) {
	t.Parallel()
	s := schedule{interval: 10 * second}
	next := s.next(1_000 * second)
	for now := 1_000 * second; now <= 1_050*second; now += second {
		s.step(now, &next)
	}
	if next = s.next(1_023 * second); next != 1_060*second {
		t.Errorf("back by half a minute: next %v, want 1060 s", next)
	}
	// Far back, it goes on at once: nothing was given there.
	if next = s.next(500 * second); next != 510*second {
		t.Errorf("far back: next %v, want 510 s", next)
	}
	if due := s.due(1_034*second, next); due != 1_000*second {
		t.Errorf("far back, then forward into what was given: due %v, want 1000 s", due)
	}
	s.take(510 * second)
	if next = s.next(1_004 * second); next != 1_060*second {
		t.Errorf("forward again into what was given: next %v, want 1060 s", next)
	}
}

// Whatever the clock does, no boundary is given twice, none is given before it
// has come, and flushes come one at a time: two within one interval of running
// time only where the clock jumped between them.
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
		flushes, jumps := int64(0), int64(0)
		begun, ran := now, int64(0)
		for range steps {
			tick := random.Int64N(second) + 1
			now += tick
			ran += tick
			if random.IntN(100) == 0 {
				now += (random.Int64N(400) - 200) * second
				jumps++
			}
			b, ok := s.step(now, &next)
			if !ok {
				continue
			}
			flushes++
			if given[b] || b > now || b%s.interval != 0 {
				t.Fatalf("seed %d: boundary %v given at %v, before: %v", seed, b, now, given[b])
			}
			given[b] = true
		}
		if most := ran/s.interval + jumps + 1; flushes > most {
			t.Errorf("seed %d: %d flushes in %v with %d jumps, want at most %d (began at %v)",
				seed, flushes, time.Duration(ran), jumps, most, begun)
		}
	}
	soak.Row(t, fmt.Sprintf("clock stepped by up to 200 s, one step in a hundred of %d", clocks*steps),
		"no time given twice, none before it has come, no burst", "the same")
}

// What a predecessor gave, with another interval perhaps, is passed over.
func TestScheduleAfterPredecessor(t *testing.T) {
	t.Parallel()
	s := schedule{interval: 7 * second, given: []state.Span{{First: 1_000 * second, Last: 1_030 * second}}}
	if next := s.next(1_001 * second); next != 1_036*second { // 148 * 7
		t.Errorf("next %v, want 1036 s", next)
	}
	if due := s.due(1_029*second, 990*second); due != 994*second { // 142 * 7
		t.Errorf("due %v, want 994 s", due)
	}
}

// A clock that is put back again and again costs no more and more memory.
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

// A clock that was far ahead for one flush has given no boundary in between.
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
