package prometheus

import (
	"io"
	"sync/atomic"
	"time"
)

// giveWayFor is how long the making of a page gives way to flushes.
const giveWayFor = 500 * time.Millisecond

// behind is a writer of pages that gives way: it waits while an interval is recorded. With few processors, the
// flush would otherwise take twice as long beside a scrape of a large page.
type behind struct {
	w     io.Writer
	flush *atomic.Bool // an interval is being recorded
	left  time.Duration
}

func (b *behind) Write(p []byte) (int, error) {
	for b.left > 0 && b.flush.Load() {
		begun := time.Now()
		time.Sleep(time.Millisecond)
		b.left -= time.Since(begun)
	}
	return b.w.Write(p)
}
