package server

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/member"
	"github.com/statsd-ops/statsd/metric"
)

func (s *Server) openMember() (err error) {
	s.member, err = member.Open(member.Config{
		Cluster: s.cfg.Cluster, Target: s.cfg.Target, Next: s.cfg.Next, Interval: s.cfg.FlushInterval, Tags: s.cfg.Tags.String(),
		Cache: s.cfg.settingsCache, Table: s.cfg.table(), Publisher: publisher{s}, Log: s.log,
	})
	if err == nil {
		s.route.Edges = s.member.Edges()
		s.cfg.Sinks = s.withForward(s.cfg.Sinks)
	}
	return err
}

// settingsCache returns the path of the file that caches the settings of a cluster, or "" for no
// file.
func (c *Config) settingsCache(destination string) string {
	switch {
	case c.SpoolDir != "":
		return filepath.Join(c.SpoolDir, destination+".settings")
	case c.StateFile != "":
		return c.StateFile + ".cluster" + strings.TrimPrefix(destination, forward.DestinationName)
	}
	return ""
}

// withForward returns the destinations of the sinks, followed by the destinations that forward to
// clusters.
func (s *Server) withForward(sinks []delivery.Destination) []delivery.Destination {
	sinks = slices.Clip(sinks)
	for _, e := range s.route.Edges {
		t := e.Target()
		sinks = append(sinks, delivery.Destination{
			Name: t.DestinationName(), Address: t.ForwardTo, Sink: e, Format: "rows", Config: t.ForwardTo, Forwards: true,
		})
	}
	return sinks
}

// forwards reports whether this daemon is an edge: it forwards intervals to a cluster.
func (s *Server) forwards() bool { return len(s.route.Edges) > 0 }

// sinks returns the number of configured sinks.
func (s *Server) sinks() int { return len(s.cfg.Sinks) - len(s.route.Edges) }

// joining is how often join checks whether the clusters have answered.
const joining = 100 * time.Millisecond

// join waits for the settings of all clusters to which intervals are forwarded. It then sets the
// key with which the table hashes members of sets to the key of the first cluster. It must run
// before any sample is received. While it waits, it feeds the watchdog, and runs the functions that
// other goroutines pass to the flush loop. If ctx ends first, it returns nil.
func (s *Server) join(ctx context.Context) error {
	if !s.forwards() {
		return nil
	}
	answered := make(chan error, 1)
	go func() {
		for _, e := range s.route.Edges {
			if _, err := e.Join(ctx); err != nil {
				answered <- err
				return
			}
		}
		answered <- nil
	}()
	for {
		select {
		case err := <-answered:
			if err == nil {
				settings, _ := s.route.Begin(clock.Floor(time.Now().UnixNano(), int64(s.cfg.FlushInterval))).Settings()
				s.in.Table().SetMemberKey(settings.MemberKey)
				// No flush was due while the daemon waited for the clusters. So the time since the last flush starts
				// now.
				s.flushedAt.Store(int64(time.Since(s.started)))
			}
			if mismatch, ok := errors.AsType[*link.MismatchError](err); ok {
				return mismatch
			}
			return nil
		default:
			s.loop.beat()
			s.loop.rest(ctx, min(joining, s.loop.beatEvery()))
		}
	}
}

// recipient describes the cluster to which an interval is forwarded: the edge that forwards to the
// cluster, and the end of the interval in the messages to the cluster (see forward.Route.End). If
// the field edge is nil, the interval is not forwarded.
type recipient struct {
	edge *forward.Edge
	end  int64
}

// recipient returns the recipient of the interval that ends at the given flush time. The table
// hashes members of sets with a key of the cluster. If the next interval belongs to another
// cluster, recipient gives that cluster's key to the table, which uses the new key from the next
// Drain on. So recipient must be called before Drain.
func (s *Server) recipient(at int64) (r recipient) {
	if !s.forwards() {
		return r
	}
	r.edge, r.end = s.route.End(at)
	if next := s.route.Begin(at); next != r.edge {
		settings, _ := next.Settings()
		s.in.Table().NextMemberKey(settings.MemberKey)
		s.log.Info().Str("cluster", next.Target().ForwardTo).Time("after", time.Unix(0, at)).Msg("this interval was the last one for its cluster: later intervals are forwarded to another cluster")
	}
	return r
}

// forward gives an interval to its recipient. It must be called before Summarize.
func (s *Server) forward(r recipient, iv *aggregate.Interval, tally *intake.Tally) {
	if r.edge == nil {
		return
	}
	f := r.edge.Take(iv, forward.Collected{End: r.end, Samples: tally.Aggregated, Sinks: s.sinks() > 0})
	s.flushes.forwarded += tally.Aggregated
	batch := delivery.Batch{Time: r.end / int64(time.Second), Units: f.Units(), Encode: f.Encode}
	s.out.Forward(r.edge.Target().DestinationName(), batch, s.cfg.FlushInterval)
}

// windows are the windows of a cluster that this daemon publishes. A window is the merged data of
// one partition and one interval.
type windows struct {
	turn chan struct{} // holds one element while a window is being published
	// newest holds the snapshots of the windows that were published since the last flush. It leaves
	// out each window whose field Again is true, because the window may have been published before.
	// Only the flush loop uses it.
	newest []*aggregate.Snapshot
}

// publisher publishes the windows of partitions.
type publisher struct{ *Server }

// Publish implements collect.Publisher. It publishes one window at a time: it waits until the
// queues have capacity, and then publishes on the flush loop.
func (s publisher) Publish(ctx context.Context, iv *aggregate.Interval, w collect.Window) (ticket uint64, err error) {
	turn := s.windows.turn
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	s.out.AwaitRoom(ctx)
	err = s.loop.do(ctx, func() { ticket = s.publishWindow(iv, w) })
	return ticket, err
}

// publishWindow summarises a window and offers its points to the sinks. If the window may have been
// published before (w.Again), the Recorders do not get it, because they could count its samples
// twice.
func (s *Server) publishWindow(iv *aggregate.Interval, w collect.Window) uint64 {
	defer s.cpu.flush.Start()()
	if !w.Again {
		s.out.Show(iv)
	}
	layout := s.flushes.layout
	layout.Rows, layout.ExpBins = s.out.Rows()
	sn := iv.Summarize(layout, w.End.Unix())
	if c := &s.windows; !w.Again {
		c.newest = append(c.newest, sn)
		if len(c.newest) > s.cfg.CollectPartitions {
			c.newest = c.newest[1:]
		}
	}
	return s.out.OfferPast(sn, s.cfg.FlushInterval/time.Duration(s.cfg.CollectPartitions))
}

// Settled implements collect.Publisher.
func (s publisher) Settled() uint64 { return s.out.Settled() }

// withCollected returns the points of a flush, and the points of all windows published since the
// last flush. It also returns how many points these are.
func (s *Server) withCollected(sn *aggregate.Snapshot) (count int, points iter.Seq[metric.Point]) {
	all := s.windows.newest
	s.windows.newest = nil
	if len(all) == 0 {
		return sn.Len(), sn.Points()
	}
	all = append(all, sn)
	for _, sn := range all {
		count += sn.Len()
	}
	return count, func(yield func(metric.Point) bool) {
		for _, sn := range all {
			for p := range sn.Points() {
				if !yield(p) {
					return
				}
			}
		}
	}
}
