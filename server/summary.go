package server

import (
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// collided keeps the last paths under which two kinds were published.
type collided struct {
	mu    sync.Mutex
	paths []string
}

// mostCollided is how many paths are kept.
const mostCollided = 20

func (c *collided) keep(paths []string) {
	if len(paths) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths = append(c.paths, paths...)
	c.paths = slices.Delete(c.paths, 0, max(0, len(c.paths)-mostCollided))
}

func (c *collided) last() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.paths)
}

// discardSummary tells the log about bad lines, at most once a minute.
type discardSummary struct {
	at    time.Time
	total tally // when it was last told
}

const discardSummaryInterval = time.Minute

// summarizeDiscards logs what was discarded since it last did, unless that is
// too short ago, or each discard is logged anyway.
func (s *Server) summarizeDiscards() {
	sum, total := &s.summary, &s.flushes.total
	n := total.discardedSamples() - sum.total.discardedSamples()
	if s.watch != nil {
		n = 0
	}
	refused := total.refused() - sum.total.refused()
	if n+refused == 0 || time.Since(sum.at) < discardSummaryInterval {
		return
	}
	e := s.log.Warn()
	for r := range total.discarded {
		if d := total.discarded[r] - sum.total.discarded[r]; d > 0 {
			e = e.Uint64(metric.Reason(r).String(), d)
		}
	}
	if last := s.bad.Last(); n > 0 && len(last) > 0 {
		e = e.Str("last", meta.Escape(last[0].Line))
		if last[0].Sender.IsValid() {
			e = e.Stringer("sender", last[0].Sender)
		}
	}
	e.Msg("samples were discarded (statsdmonitor --discards shows more)")
	sum.at, sum.total = time.Now(), *total
}
