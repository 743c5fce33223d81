package server

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// flushes is what the flush loop knows.
type flushes struct {
	schedule schedule
	layout   aggregate.Layout
	total    intake.Tally // since the start, up to the last flush
	interval intake.Tally // of the last flush interval
	late     uint64
	sketched uint64        // timers whose percentiles were estimates
	boundary int64         // of the last flush
	lag      time.Duration // by which it came later than due, after the one before
	compared bool          // there was one before
}

// flushed is what one flush was like.
type flushed struct {
	snapshot *aggregate.Snapshot
	at       time.Time        // when the table was drained
	swap     time.Duration    // how long the receivers' shards were locked
	duration time.Duration    // until the snapshot was complete
	sinks    []delivery.State // before the flush was offered
}

// flushLoop flushes whenever it is time to, until ctx ends.
func (s *Server) flushLoop(ctx context.Context) {
	f := &s.flushes
	next := f.schedule.next(time.Now().UnixNano())
	for {
		s.in.Due(next)
		for now := time.Now().UnixNano(); now < next; now = time.Now().UnixNano() {
			s.beat()
			if s.console != nil {
				s.noteLines()
			}
			if !s.loop.rest(ctx, min(clock.UntilDue(now, next), s.beatEvery())) {
				return
			}
			// The clock may have been put back.
			next = min(next, f.schedule.next(time.Now().UnixNano()))
			s.in.Due(next)
		}
		start := time.Now()
		s.in.Settle(start)
		s.flush(f.schedule.due(start.UnixNano(), next))
		next = f.schedule.next(time.Now().UnixNano())
		if time.Since(start) > s.cfg.FlushInterval {
			f.late++
		}
	}
}

// flush publishes what came in since the last flush, as of the boundary at, in
// Unix nanoseconds.
func (s *Server) flush(at int64) {
	f := &s.flushes
	start := time.Now()
	s.take(at)
	f.compare(at, s.cfg.FlushInterval)

	iv, tally := s.in.Drain()
	f.interval = tally
	f.total.Add(&tally)
	s.noteIntake()
	s.out.Show(iv)
	sn := iv.Summarize(f.layout, at/int64(time.Second))

	f.sketched += uint64(sn.Sketched)
	s.collided.keep(sn.Collided)
	fl := &flushed{snapshot: sn, at: start, swap: iv.Swap, duration: time.Since(start), sinks: s.out.States()}
	fs := s.figures(fl)
	sn.Own = append(s.ownPoints(fs, sn.Time), s.etsyPoints(fl)...)

	s.out.EndInterval(sink.Interval{End: time.Unix(0, at), Percentiles: s.cfg.Layout.Percentiles})
	s.out.Offer(sn, s.cfg.FlushInterval)
	s.stats.Keep(fs, s.cfg.FlushInterval)
	s.values.Keep(sn.Time, sn.Points())
	s.in.Published(sn.Points())
	s.saveState(start)
	s.warnOfLimits(fl)
	s.flushedAt.Store(int64(time.Since(s.started)))
	s.noteFlush(time.Since(start))
}

// take takes a boundary, and warns once if it was given before.
func (s *Server) take(at int64) {
	f := &s.flushes
	if f.schedule.take(at) && f.schedule.repeated == 1 {
		s.log.Warn().Time("boundary", time.Unix(0, at)).
			Msg("the clock was put back, or flushes of an earlier start had the same times: they are used again, and graphite keeps the later points (see flush.repeated)")
	}
}

// ownPoints makes points of the figures that are published.
func (s *Server) ownPoints(fs []meta.Figure, now int64) []metric.Point {
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
	return points
}
