package server

import (
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
)

// flushes is the state of the flush loop.
type flushes struct {
	schedule schedule
	layout   aggregate.Layout
	scheme   *aggregate.Scheme // the names that layout makes, for questions
	total    intake.Tally      // since the start, up to the last flush
	interval intake.Tally      // in the last flush interval
	count    uint64
	// forwarded counts samples given to the cluster.
	forwarded uint64
	early     int64 // boundary of the last early flush (see flushNow)
	late      uint64
	sketched  uint64        // timers whose percentiles are estimates
	boundary  int64         // of the last flush
	lag       time.Duration // how much later than due the last flush came
	compared  bool          // an earlier boundary is known
	heard     heard
}

// boundary is the number of a flush since the start, and its time.
type boundary struct {
	number uint64
	at     time.Time
}

// flushed describes one flush.
type flushed struct {
	snapshot *aggregate.Snapshot
	at       time.Time        // when the table was drained
	swap     time.Duration    // how long the receivers' shards were locked
	duration time.Duration    // time until the snapshot was complete
	sinks    []delivery.State // as of just before the flush was offered
}

// heard is the time of the last line, to the second. Only the flush loop uses it.
type heard struct {
	lines uint64
	at    time.Time
}

// end returns the boundary for the last flush.
func (f *flushes) end(now int64) int64 {
	at := f.schedule.last(now)
	if at == f.early { // its points would replace the points of the early flush
		at += f.schedule.interval
	}
	return at
}

// compare records the lag: how much longer than interval the time since the last boundary is.
func (f *flushes) compare(at int64, interval time.Duration) {
	if f.boundary != 0 {
		f.lag, f.compared = time.Duration(at-f.boundary)-interval, true
	}
	f.boundary = at
}

// collided keeps the last paths that several names shared.
type collided struct {
	mu    sync.Mutex
	paths []string
}

// maxCollided limits the paths kept.
const maxCollided = 20

func (c *collided) keep(paths []string) {
	if len(paths) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths = append(c.paths, paths...)
	c.paths = slices.Delete(c.paths, 0, max(0, len(c.paths)-maxCollided))
}

func (c *collided) last() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.paths)
}
