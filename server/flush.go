package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/operator"
	"github.com/statsd-ops/statsd/sink"
)

// flushLoop flushes at each flush time until ctx ends. The flush times are the multiples of the
// flush interval.
func (s *Server) flushLoop(ctx context.Context) {
	f := &s.flushes
	next := f.schedule.next(time.Now().UnixNano())
	for {
		s.in.Due(next)
		for now := time.Now().UnixNano(); now < next; now = time.Now().UnixNano() {
			s.loop.beat()
			if s.console != nil {
				s.noteLines()
			}
			if !s.loop.rest(ctx, min(clock.UntilDue(now, next), s.loop.beatEvery())) {
				return
			}
			// The next flush time can be too late, because the clock may have been set back during the
			// sleep.
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

// flush publishes everything received since the last flush. The points get the timestamp at, in
// Unix nanoseconds.
func (s *Server) flush(at int64) {
	defer s.cpu.flush.Start()()
	f := &s.flushes
	start := time.Now()
	s.take(at)
	f.compare(at, s.cfg.FlushInterval)

	to := s.recipient(at)
	iv, tally := s.in.Drain()
	f.interval = tally
	f.total.Add(&tally)
	s.noteIntake()
	s.forward(to, iv, &tally)
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
	count, points := s.withCollected(sn)
	s.values.Keep(time.Unix(0, at), count, points)
	s.in.Published(points)
	s.saveState(start)
	s.warned.warn(s.log, limits(&s.cfg, s.in.State(), fl))
	s.flushedAt.Store(int64(time.Since(s.started)))
	f.count++
	s.flushed.Store(&boundary{f.count, time.Unix(0, at)})
	s.noteFlush(time.Since(start))
	s.events.Flushed(f.count)
}

// take marks a flush time as used. If it was used before, take logs one warning.
func (s *Server) take(at int64) {
	f := &s.flushes
	if f.schedule.take(at) && f.schedule.repeated == 1 {
		s.log.Warn().Time("boundary", time.Unix(0, at)).
			Msg("the clock was set back, or an earlier run flushed at the same times: timestamps are used twice, and graphite keeps the later points (see the metric flush.repeated)")
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

// onLoop runs the function f in the goroutine of the flush loop.
func (s *Server) onLoop(ctx context.Context, f func(*operator.Running)) error {
	return s.loop.do(ctx, func() {
		f(&operator.Running{
			Table: s.in.Table(), Limits: s.cfg.table(), Listen: s.cfg.Listen, Scheme: s.flushes.scheme,
			Naming: s.cfg.Naming(s.cfg.FlushInterval), Set: s.cfg.Rules, Counts: s.in.Rules(),
		})
	})
}

// flushNow flushes before the next flush time, and uses that time as the timestamp. The regular
// flush at that time is then skipped. So each interval is flushed once.
func (s *Server) flushNow(ctx context.Context) (done question.Flushed, err error) {
	f := &s.flushes
	flush := func() {
		start := time.Now()
		at := f.schedule.last(start.UnixNano())
		if f.schedule.holding(at) != nil {
			err = &question.Error{
				Code: question.Busy, After: time.Until(time.Unix(0, at)),
				Text: fmt.Sprintf("the running interval was already flushed; the next flush is possible at %s", time.Unix(0, at).UTC().Format(time.TimeOnly)),
			}
			return
		}
		s.in.Settle(start)
		s.flush(at)
		done = question.Flushed{Number: f.count, At: time.Unix(0, at)}
	}
	if failed := s.loop.do(ctx, flush); failed != nil {
		return done, failed
	}
	return done, err
}
