package server

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// flushes is what the flush loop knows.
type flushes struct {
	schedule schedule
	layout   aggregate.Layout
	total    tally // since the start, up to the last flush
	interval tally // of the last flush interval
	late     uint64
	sketched uint64 // timers whose percentiles were estimates
	previous time.Time
	boundary int64         // of the last flush
	lag      time.Duration // by which it came later than due, after the one before
	compared bool          // there was one before
}

// flushLoop flushes whenever it is time to, until ctx ends.
func (s *Server) flushLoop(ctx context.Context) {
	f := &s.flushes
	next := f.schedule.next(time.Now().UnixNano())
	for {
		s.boundary.Store(next)
		for now := time.Now().UnixNano(); now < next; now = time.Now().UnixNano() {
			s.beat()
			if s.console != nil {
				s.noteLines()
			}
			if !s.rest(ctx, min(untilDue(now, next), s.beatEvery())) {
				return
			}
			// The clock may have been put back.
			next = min(next, f.schedule.next(time.Now().UnixNano()))
			s.boundary.Store(next)
		}
		start := time.Now()
		for _, r := range s.receivers {
			r.settle(start)
		}
		at := f.schedule.due(start.UnixNano(), next)
		s.flush(at)
		next = f.schedule.next(time.Now().UnixNano())
		if time.Since(start) > s.cfg.FlushInterval {
			f.late++
		}
	}
}

// rest sleeps, or applies a change of the configuration. It reports false when
// ctx has ended.
func (s *Server) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case apply := <-s.reloads.apply:
		apply()
	case <-ctx.Done():
		return false
	}
	return true
}

// flush publishes what came in since the last flush, as of the boundary at, in
// Unix nanoseconds.
func (s *Server) flush(at int64) {
	f := &s.flushes
	start := time.Now()
	f.schedule.take(at)
	f.compare(at, s.cfg.FlushInterval)

	f.interval = tally{}
	iv := s.table.Drain(func(i int) {
		f.interval.add(&s.lanes[i].tally)
		s.lanes[i].tally = tally{}
	})
	f.total.add(&f.interval)
	s.noteIntake()
	s.record(iv)
	sn := iv.Summarize(f.layout, at/int64(time.Second))

	f.sketched += uint64(sn.Sketched)
	s.collided.keep(sn.Collided)
	fs := s.figures(&flushed{snapshot: sn, at: start, swap: iv.Swap, duration: time.Since(start)})
	sn.Own = s.ownPoints(fs, sn.Time)

	s.endInterval(at)
	for _, o := range s.outlets {
		o.offer(sn, s.cfg.FlushInterval)
	}
	s.stats.Keep(fs, s.cfg.FlushInterval)
	s.values.Keep(sn.Time, sn.Points())
	s.watch.points(sn.Points())
	s.saveState(start)
	s.warnOfLimits(sn)
	f.previous = start
	s.flushedAt.Store(int64(time.Since(s.started)))
	s.noteFlush(time.Since(start))
}

// ownPoints makes points of the figures that are published.
func (s *Server) ownPoints(fs []figure, now int64) []metric.Point {
	if s.cfg.MetadataPrefix == "" {
		return nil
	}
	layout := &s.flushes.layout
	points := make([]metric.Point, 0, len(fs))
	for _, f := range fs {
		if published(f.Name) {
			points = append(points, metric.Point{Path: []byte(layout.Own(s.cfg.MetadataPrefix, f.Name)), Value: f.Value, Time: now})
		}
	}
	return append(points, s.etsyPoints(fs, now)...)
}
