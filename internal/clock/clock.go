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
// nanoseconds. It returns at most a second, because the clock may be set forward meanwhile.
func UntilDue(now, next int64) time.Duration { return min(time.Duration(next-now), time.Second) }

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
