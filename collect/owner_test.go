package collect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The pause of a fenced owner lasts as long as the other owner works, and ends soon after the other owner has stopped.
func TestPauseFenced(t *testing.T) {
	const never = time.Hour
	for _, c := range []struct{ pause, stops, ends, atMost time.Duration }{
		{30 * time.Second, never, never, 30 * time.Second},
		{30 * time.Second, 7 * time.Second, never, 8 * time.Second},
		{30 * time.Second, 0, never, fencedPause}, // the members need some time to agree which of them owns the partition
		{30 * time.Second, never, 5 * time.Second, 5 * time.Second},
		{fencedPause, 0, never, fencedPause},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), c.ends)
			defer cancel()
			pauseFenced(ctx, c.pause, func() bool { return time.Since(began) >= c.stops })
			if took := time.Since(began); took != c.atMost {
				t.Errorf("a pause of %v takes %v, want %v: the other owner stops after %v, this one after %v", c.pause, took, c.atMost, c.stops, c.ends)
			}
		})
	}
}
