package aggregate

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock returns times for the order of gauges: Unix nanoseconds that never go back. If the system's clock is set back,
// these times continue at half speed until it has caught up. Any number of goroutines may use a clock.
type clock struct {
	ahead atomic.Pointer[ahead] // nil while both clocks agree
	last  atomic.Int64          // the last result of now

	start time.Time
	mutex sync.Mutex
	// The system's clock and the time since start, at the last comparison.
	wall, since int64
}

// ahead is the difference to the system's clock. At the time in the field from, the difference is the field by; then it
// shrinks.
type ahead struct{ by, from int64 }

// maxStep is the greatest difference of the system's clock between two comparisons at which it does not count as set.
// Receivers read datagrams within this time unless they are starved.
const maxStep = int64(100 * time.Millisecond)

func newClock() *clock {
	now := time.Now()
	return &clock{start: now, wall: now.UnixNano()}
}

// now returns a time later than any it returned before.
func (c *clock) now() int64 {
	for {
		last := c.last.Load()
		next := max(c.at(time.Now().UnixNano()), last+1)
		if c.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// at returns the time for a time of the system's clock.
func (c *clock) at(wall int64) int64 {
	if a := c.ahead.Load(); a != nil {
		return wall + a.at(wall)
	}
	return wall
}

func (a *ahead) at(wall int64) int64 { return max(a.by-max(wall-a.from, 0)/2, 0) }

// check finds out whether the system's clock was set.
func (c *clock) check(now time.Time) { c.compare(now.UnixNano(), int64(now.Sub(c.start))) }

// compare takes the system's clock, and the time since start, which cannot be set.
func (c *clock) compare(wall, since int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	expected := c.wall + since - c.since
	c.wall, c.since = wall, since
	before := c.at(expected)
	switch step := wall - expected; {
	case step < -maxStep || step > maxStep && before > expected:
		c.ahead.Store(&ahead{max(before-wall, 0), wall})
	case before == expected && c.ahead.Load() != nil:
		c.ahead.Store(nil)
	}
}
