// Package clock computes multiples of an interval on the wall clock and waits for them.
package clock

import (
	"context"
	"time"
)

// Floor returns the last multiple of interval at or before now, both in nanoseconds.
func Floor(now, interval int64) int64 {
	r := now % interval
	if r < 0 {
		r += interval
	}
	return now - r
}

// UntilDue returns how long to sleep before checking again whether next has come, both in Unix
// nanoseconds. It returns at most the time until the next full second, because the clock may be set
// forward meanwhile.
func UntilDue(now, next int64) time.Duration {
	return time.Duration(min(next, Floor(now, int64(time.Second))+int64(time.Second)) - now)
}

// UntilTick returns the time until a multiple of period: the next one that is at least half a period
// away. Loops that look around now and then wait for these moments. So an idle process wakes up
// once for all of them.
func UntilTick(now time.Time, period time.Duration) time.Duration {
	at, step := now.UnixNano(), int64(period)
	return time.Duration(Floor(at+step/2, step) + step - at)
}

// Sleep sleeps for d. It reports false when ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
