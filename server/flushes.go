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
	scheme   *aggregate.Scheme // the naming scheme for the field layout; it answers queries about names
	total    intake.Tally      // totals since the start, up to the last flush
	interval intake.Tally      // totals of the last flush interval
	count    uint64
	// forwarded counts the samples that were forwarded to the cluster.
	forwarded uint64
	late      uint64
	sketched  uint64        // number of timers whose percentiles are estimates
	boundary  int64         // flush time of the last flush
	lag       time.Duration // how late the last flush was
	compared  bool          // the field lag is valid, because there was an earlier flush
	heard     heard
}

// boundary is a flush time, and the number of the flush at that time. Flushes are counted from the
// start of the daemon.
type boundary struct {
	number uint64
	at     time.Time
}

// flushed is the record of one finished flush.
type flushed struct {
	snapshot *aggregate.Snapshot
	at       time.Time        // when the table was drained
	swap     time.Duration    // how long the receivers' shards were locked
	duration time.Duration    // time from the draining of the table until the snapshot was computed
	sinks    []delivery.State // the sinks' state just before delivery gets this flush
}

// heard is the number of lines received so far, and the time of the last line, precise to one
// second. Only the flush loop uses it.
type heard struct {
	lines uint64
	at    time.Time
}

// compare stores the lag of the last flush. The lag is the time between the last two flush times,
// minus the flush interval. So it is 0 if no flush time was missed.
func (f *flushes) compare(at int64, interval time.Duration) {
	if f.boundary != 0 {
		f.lag, f.compared = time.Duration(at-f.boundary)-interval, true
	}
	f.boundary = at
}

// collided keeps the most recent paths that several names shared.
type collided struct {
	mu    sync.Mutex
	paths []string
}

// maxCollided is the maximum number of paths in collided.
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
