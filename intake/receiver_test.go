package intake

import (
	"testing"
	"time"
)

// A receiver sleeps so briefly that the data that arrives during the sleep stays below the limit.
// The test assumes that data continues to arrive at the same rate.
func TestNap(t *testing.T) {
	const unread = 1 << 20
	for _, rate := range []int{1, 1_000, 1 << 20, 100 << 20, 1 << 30} { // bytes per second
		for _, in := range []time.Duration{time.Millisecond, 40 * time.Millisecond, time.Second} {
			came := max(1, int(float64(rate)*in.Seconds()))
			got := nap(unread, came, in)
			if got > maxGather || float64(came)/in.Seconds()*got.Seconds() > unread*1.001 {
				t.Errorf("%d bytes in %v: sleeps %v", came, in, got)
			}
			if rate < unread && in >= 40*time.Millisecond && got != maxGather {
				t.Errorf("%d bytes in %v: sleeps only %v", came, in, got)
			}
		}
	}
}
