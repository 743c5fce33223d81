// Package clock computes multiples of an interval in wall-clock time, and waits for these times.
package clock

import (
	"context"
	"time"
)

// Floor returns the greatest multiple of interval that is not after now. All values are in nanoseconds.
func Floor(now, interval int64) int64 {
	r := now % interval
	if r < 0 {
		r += interval
	}
	return now - r
}

// UntilDue returns the duration of one sleep of a caller that waits until the time next. The sleep ends at the next
// full second at the latest, because the clock may be set forward during the sleep. So the caller must look at the
// clock again after the sleep. now and next are in Unix nanoseconds.
func UntilDue(now, next int64) time.Duration {
	return time.Duration(min(next, Floor(now, int64(time.Second))+int64(time.Second)) - now)
}

// UntilTick returns the time until a multiple of period: the first multiple that is at least half a
// period away. All loops with periodic checks wait for these times. An idle process then wakes up
// once for all of its loops.
func UntilTick(now time.Time, period time.Duration) time.Duration {
	at, step := now.UnixNano(), int64(period)
	return time.Duration(Floor(at+step/2, step) + step - at)
}

// Sleep sleeps for d. It returns false if ctx ends before d has passed.
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
