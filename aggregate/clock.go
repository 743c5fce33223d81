package aggregate

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock gives the times by which gauges are ordered: Unix nanoseconds that never go
// back. If the system's clock is set back, they go on from the greatest time before, at
// half speed, until the system's clock has caught up. Any number of goroutines may use it.
type clock struct {
	ahead atomic.Pointer[ahead] // nil while both clocks agree
	last  atomic.Int64          // what now returned

	start time.Time
	mutex sync.Mutex
	// The system's clock and the time since start, when they were last compared.
	wall, since int64
}

// ahead says how far the times are ahead of the system's clock.
type ahead struct{ by, from int64 }

// maxStep is how far the system's clock may be off between two comparisons before it
// counts as set. No receiver leaves a datagram unread for as long, unless it is starved.
const maxStep = int64(100 * time.Millisecond)

func newClock() *clock {
	now := time.Now()
	return &clock{start: now, wall: now.UnixNano()}
}

// now returns a time that is later than all it returned before.
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

// check looks whether the system's clock was set.
func (c *clock) check(now time.Time) { c.compare(now.UnixNano(), int64(now.Sub(c.start))) }

// compare takes the system's clock, and the time since start, which nobody sets.
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
