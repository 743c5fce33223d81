package aggregate

import (
	"sync/atomic"
	"time"
)

// clock gives times in Unix nanoseconds that differ and never go back, though the
// system's clock may. Its zero value is ready to use, by any number of goroutines.
type clock struct{ last atomic.Int64 }

func (c *clock) now() int64 {
	for {
		last := c.last.Load()
		next := max(time.Now().UnixNano(), last+1)
		if c.last.CompareAndSwap(last, next) {
			return next
		}
	}
}
