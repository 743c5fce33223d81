package server

import (
	"context"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/operator"
	"github.com/statsd-ops/statsd/sink"
)

// flushes is the state of the flush loop.
type flushes struct {
	schedule schedule
	layout   aggregate.Layout
	scheme   *aggregate.Scheme // of layout, for questions
	total    intake.Tally      // since the start, up to the last flush
	interval intake.Tally      // in the last flush interval
	count    uint64
	early    int64 // boundary of the last flush that came before it was due
	late     uint64
	sketched uint64        // timers whose percentiles are estimates
	boundary int64         // of the last flush
	lag      time.Duration // how much later than due the last flush came
	compared bool          // an earlier boundary is known
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

// flushLoop flushes at each boundary until ctx ends.
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
			// The clock may have been set back.
			next = f.schedule.sooner(next, time.Now().UnixNano())
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

// flush publishes the content since the last flush, with the time at, in Unix nanoseconds.
func (s *Server) flush(at int64) {
	defer s.cpu.flush.Start()()
	f := &s.flushes
	start := time.Now()
	s.take(at)
	f.compare(at, s.cfg.FlushInterval)

	iv, tally := s.in.Drain()
	f.interval = tally
	f.total.Add(&tally)
	s.noteIntake()
	s.out.Show(iv)
	layout := f.layout
	layout.Rows, layout.ExpBins = s.out.Rows()
	sn := iv.Summarize(layout, at/int64(time.Second))

	f.sketched += uint64(sn.Sketched)
	s.collided.keep(sn.Collided)
	fl := &flushed{snapshot: sn, at: start, swap: iv.Swap, duration: time.Since(start), sinks: s.out.States()}
	fs := s.figures(fl)
	sn.Own = append(s.ownPoints(fs, sn.Time), s.etsyPoints(fl)...)

	s.out.EndInterval(sink.Interval{
		End: time.Unix(0, at), Percentiles: s.cfg.Layout.Percentiles,
		Own: func() []byte { return meta.Metrics(s.cfg.Version, slices.Clone(fs)) },
	})
	s.out.Offer(sn, s.cfg.FlushInterval)
	s.stats.Keep(fs, s.cfg.FlushInterval)
	s.past.Keep(time.Unix(0, at), slices.DeleteFunc(fs, isTime))
	s.values.Keep(time.Unix(0, at), sn.Points())
	s.in.Published(sn.Points())
	s.saveState(start)
	s.warnOfLimits(fl)
	s.flushedAt.Store(int64(time.Since(s.started)))
	f.count++
	s.flushed.Store(&boundary{f.count, time.Unix(0, at)})
	s.noteFlush(time.Since(start))
	s.asked.events.Flushed(f.count)
}

// take marks a boundary as used. It warns once if the boundary was used before.
func (s *Server) take(at int64) {
	f := &s.flushes
	if f.schedule.take(at) && f.schedule.repeated == 1 {
		s.log.Warn().Time("boundary", time.Unix(0, at)).
			Msg("the clock was set back, or an earlier run flushed at the same times: times are used twice, and graphite keeps the later points (see flush.repeated)")
	}
}

// ownPoints returns the published figures as points.
func (s *Server) ownPoints(fs []meta.Figure, now int64) []metric.Point {
	if s.cfg.MetadataPrefix == "" {
		return nil
	}
	layout := &s.flushes.layout
	points := make([]metric.Point, 0, len(fs))
	for _, f := range fs {
		if published(f) {
			points = append(points, metric.Point{Path: []byte(layout.Own(s.cfg.MetadataPrefix, f.Name)), Value: f.Value, Time: now})
		}
	}
	return points
}

// onLoop runs f on the flush loop.
func (s *Server) onLoop(ctx context.Context, f func(*operator.Running)) error {
	return s.loop.do(ctx, func() {
		f(&operator.Running{
			Table: s.in.Table(), Limits: s.cfg.table(), Listen: s.cfg.Listen, Scheme: s.flushes.scheme,
			Naming: s.cfg.Naming(s.cfg.FlushInterval), Set: s.cfg.Rules, Counts: s.in.Rules(),
		})
	})
}
