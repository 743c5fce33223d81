package server

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/member"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// ForwardName is the name of the destination that forwards. No sink may have it.
const ForwardName = meta.ForwardName

// openMember connects to the cluster, if there is one.
func (s *Server) openMember() (err error) {
	s.member, err = member.Open(member.Config{
		Cluster: s.cfg.Cluster, Target: s.cfg.Target, Interval: s.cfg.FlushInterval, Tags: s.cfg.Tags.String(),
		Cache: s.cfg.settingsCache(), Table: s.cfg.table(), Publisher: publisher{s}, Log: s.log,
	})
	if err == nil {
		s.edge = s.member.Edge()
		s.cfg.Sinks = s.withForward(s.cfg.Sinks)
	}
	return err
}

// settingsCache returns the path of the file that keeps the settings of the cluster, or "" without one.
func (c *Config) settingsCache() string {
	switch {
	case c.SpoolDir != "":
		return filepath.Join(c.SpoolDir, ForwardName+".settings")
	case c.StateFile != "":
		return c.StateFile + ".cluster"
	}
	return ""
}

// withForward returns the configured sinks, and with --forward also the destination that forwards.
func (s *Server) withForward(sinks []delivery.Destination) []delivery.Destination {
	if s.edge == nil {
		return sinks
	}
	return append(slices.Clip(sinks), delivery.Destination{
		Name: ForwardName, Address: s.member.Target.ForwardTo, Sink: s.edge, Format: "rows", Config: s.member.Target.ForwardTo, Forwards: true,
	})
}

// sinks returns the number of configured sinks.
func (s *Server) sinks() int {
	if s.edge != nil {
		return len(s.cfg.Sinks) - 1
	}
	return len(s.cfg.Sinks)
}

// joining is how often join checks whether the cluster has answered.
const joining = 100 * time.Millisecond

// join waits for the settings of the cluster, if intervals are forwarded, and gives the table the key that
// all its members have. Call it before anything is received. While it waits, it does the work that the flush loop does
// between two flushes. If ctx ends first, it returns nil, and the settings are missing.
func (s *Server) join(ctx context.Context) error {
	if s.edge == nil {
		return nil
	}
	type answer struct {
		settings link.Settings
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		settings, err := s.edge.Join(ctx)
		answered <- answer{settings, err}
	}()
	for {
		select {
		case a := <-answered:
			if a.err == nil {
				s.in.Table().SetMemberKey(a.settings.MemberKey)
				s.flushedAt.Store(int64(time.Since(s.started))) // no flush was due until now
			}
			if mismatch, ok := errors.AsType[*link.MismatchError](a.err); ok {
				return mismatch
			}
			return nil
		default:
			s.loop.beat()
			s.loop.rest(ctx, min(joining, s.loop.beatEvery()))
		}
	}
}

// forward gives an interval to the cluster. The interval ends at the time at. Call it before Summarize.
func (s *Server) forward(iv *aggregate.Interval, at int64, tally *intake.Tally) {
	if s.edge == nil {
		return
	}
	f := s.edge.Take(iv, forward.Collected{End: at, Samples: tally.Aggregated, Sinks: s.sinks() > 0})
	s.flushes.forwarded += tally.Aggregated
	s.out.Forward(delivery.Batch{Time: at / int64(time.Second), Units: f.Units(), Encode: f.Encode}, s.cfg.FlushInterval)
}

// windows are the windows of a cluster that this daemon publishes.
type windows struct {
	turn chan struct{} // holds one element while a window is being published
	// newest holds the windows published for the first time since the last flush. Only the flush loop uses it.
	newest []*aggregate.Snapshot
}

// publisher publishes the windows of partitions.
type publisher struct{ *Server }

// Publish implements collect.Publisher. It publishes one window at a time: it waits for room in the queues, then
// publishes on the flush loop.
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

// publishWindow summarises a window and offers its points to the sinks. Recorders see only the first publication.
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

// withCollected returns the points of a flush, and those of the windows published since the last flush.
func (s *Server) withCollected(sn *aggregate.Snapshot) iter.Seq[metric.Point] {
	all := s.windows.newest
	s.windows.newest = nil
	if len(all) == 0 {
		return sn.Points()
	}
	return func(yield func(metric.Point) bool) {
		for _, sn := range append(all, sn) {
			for p := range sn.Points() {
				if !yield(p) {
					return
				}
			}
		}
	}
}
