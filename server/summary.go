package server

import (
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// collided keeps the last paths under which two kinds were published.
type collided struct {
	mu    sync.Mutex
	paths []string
}

// maxCollided is how many paths are kept.
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

// discardSummary tells the log about bad lines, at most once a minute.
type discardSummary struct {
	at    time.Time
	total intake.Tally // when it was last told
}

const discardSummaryInterval = time.Minute

// summarizeDiscards logs what was discarded since it last did, unless that is
// too short ago, or each discard is logged anyway.
func (s *Server) summarizeDiscards() {
	sum, total := &s.summary, &s.flushes.total
	n := total.DiscardedSamples() - sum.total.DiscardedSamples()
	if s.cfg.Debug {
		n = 0
	}
	refused := total.RefusedSamples() - sum.total.RefusedSamples()
	if n+refused == 0 || time.Since(sum.at) < discardSummaryInterval {
		return
	}
	e := s.log.Warn()
	for r := range total.Discarded {
		if d := total.Discarded[r] - sum.total.Discarded[r]; d > 0 {
			e = e.Uint64(metric.Reason(r).String(), d)
		}
	}
	if last := s.in.BadLines(); n > 0 && len(last) > 0 {
		e = e.Str("last", meta.Escape(last[0].Line))
		if last[0].Sender.Known() {
			e = e.Stringer("sender", last[0].Sender)
		}
	}
	e.Msg("samples were discarded (statsdmonitor --discards shows more)")
	sum.at, sum.total = time.Now(), *total
}
