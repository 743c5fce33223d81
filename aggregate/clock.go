package aggregate

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock returns times that order the samples of gauges. The times are Unix nanoseconds and never
// decrease. If the system's clock is set back, they continue at half speed until the system's clock
// has caught up. A clock is safe for concurrent use.
type clock struct {
	ahead atomic.Pointer[ahead] // nil if the clock equals the system's clock
	last  atomic.Int64          // the last result of the method now

	start time.Time
	mutex sync.Mutex
	// The system's clock and the time since start, both at the previous call of compare.
	wall, since int64
}

// ahead describes how far a clock is ahead of the system's clock. The field from is a time, and the
// field by is the difference at that time. After that time the difference shrinks.
type ahead struct{ by, from int64 }

// maxStep is the tolerance of compare. If the change of the system's clock differs from the elapsed time by more than
// maxStep, somebody has set the clock. The method arrivalAt uses maxStep too: a receiver normally reads a datagram less
// than maxStep after the datagram's arrival. So if a sample arrived more than maxStep before the previous sample,
// somebody may have set the clock.
const maxStep = int64(100 * time.Millisecond)

func newClock() *clock {
	now := time.Now()
	return &clock{start: now, wall: now.UnixNano()}
}

// now returns the current time. If this time is not later than the last result, now returns a time
// that is a nanosecond later than the last result.
func (c *clock) now() int64 {
	for {
		last := c.last.Load()
		next := max(c.at(time.Now().UnixNano()), last+1)
		if c.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// at converts a time of the system's clock to a time of this clock.
func (c *clock) at(wall int64) int64 {
	if a := c.ahead.Load(); a != nil {
		return wall + a.at(wall)
	}
	return wall
}

func (a *ahead) at(wall int64) int64 { return max(a.by-max(wall-a.from, 0)/2, 0) }

// check finds out whether the system's clock was set since the last check.
func (c *clock) check(now time.Time) { c.compare(now.UnixNano(), int64(now.Sub(c.start))) }

// compare does the work of check. The parameter wall is the time of the system's clock. The
// parameter since is the time that has elapsed since the start of the clock c. It is monotonic, so
// setting the system's clock does not affect it.
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
