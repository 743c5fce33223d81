package clock

import (
	"testing"
	"time"
)

func TestUntilDue(t *testing.T) {
	for _, c := range []struct {
		now, next int64
		want      time.Duration
	}{
		{10_200, 10_700, 500},         // the argument next is before the next full second
		{10_200, 15_000, 800},         // the next full second is before the argument next
		{10_000, 15_000, 1000},        // now is a full second; the sleep ends at the next full second, not at now
		{10_000, 9_000, -1000},        // the argument next is in the past
		{-10_200, -5_000, 200},        // a time before 1970
		{10_999, 1_000_000_000, 1},    // the next full second is one unit away
		{10_200, 10_200, 0},           // the arguments now and next are equal
		{10_200, 11_000, 800},         // the argument next is a full second
		{1_999, 2_000 + 60*1000, 1},   // the argument next is more than a minute away
		{2_000, 2_000 + 60*1000, 1e3}, // the argument next is a minute away
	} {
		const ms = int64(time.Millisecond)
		if got := UntilDue(c.now*ms, c.next*ms); got != c.want*time.Millisecond {
			t.Errorf("UntilDue(%d, %d) = %v, want %v", c.now, c.next, got, c.want*time.Millisecond)
		}
	}
}

// TestUntilTick checks that a loop wakes up at multiples of its period. So all loops with periods
// of whole seconds wake up at full seconds. If a timer fires early, the loop must not wake up
// twice.
func TestUntilTick(t *testing.T) {
	for _, c := range []struct{ now, period, want time.Duration }{
		{10_200, 1000, 800},
		{10_000, 1000, 1000},
		{9_999, 1000, 1001}, // the timer fired at 9,999 instead of at 10,000
		{10_499, 1000, 501},
		{10_600, 1000, 1400},
		{10_001, 5000, 4999},
		{14_998, 5000, 5002},
		{10_003, 10, 7},
	} {
		now := time.Unix(0, 0).Add(c.now * time.Millisecond)
		if got := UntilTick(now, c.period*time.Millisecond); got != c.want*time.Millisecond {
			t.Errorf("UntilTick(%v, %v) = %v, want %v", c.now, c.period, got, c.want*time.Millisecond)
		}
	}
}
