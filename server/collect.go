package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
)

// collecting is what an owner of partitions needs. Its zero value collects nothing.
type collecting struct {
	connection *collect.Connection
	joined     chan struct{} // closed when owner is there
	owner      atomic.Pointer[collect.Owner]
	fault      atomic.Pointer[error] // why the cluster cannot be joined now
	table      atomic.Pointer[aggregate.Config]
	turn       chan struct{} // holds one element while a window is being published
	// newest are the windows published since the last flush, without those published again. Only the flush
	// loop uses them.
	newest []*aggregate.Snapshot
}

const (
	// joinPatience is how long the start waits for the engine.
	joinPatience = 5 * time.Second
	joinAgain    = 2 * time.Second
)

// forwardTarget returns where intervals are forwarded. An owner forwards what itself receives to the cluster
// that it collects from, unless --forward says otherwise.
func (s *Server) forwardTarget() forward.Target {
	t := s.cfg.Target
	if s.cfg.CollectFrom == "" {
		return t
	}
	t.ForwardOnly = true
	if t.ForwardTo == "" {
		t.ForwardTo, t.ForwardID, t.Connect = s.cfg.CollectFrom, s.cfg.CollectID, s.collecting.connection.Sender
	}
	return t
}

// openCollect connects to the cluster, if it is collected from.
func (s *Server) openCollect() error {
	if s.cfg.CollectFrom == "" {
		return nil
	}
	c := &s.collecting
	c.joined, c.turn = make(chan struct{}), make(chan struct{}, 1)
	table := s.cfg.table()
	c.table.Store(&table)
	var err error
	if c.connection, err = s.cfg.OpenCluster(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinPatience)
	defer cancel()
	if err = s.joinCluster(ctx); err != nil && c.connection.Remote && !isMismatch(err) {
		s.log.Error().Err(err).Msg("the cluster cannot be joined now: trying again")
		return nil
	}
	return err
}

func isMismatch(err error) bool {
	_, mismatch := errors.AsType[*link.MismatchError](err)
	return mismatch
}

// joinCluster joins the cluster, and makes the owner.
func (s *Server) joinCluster(ctx context.Context) error {
	c := &s.collecting
	settings, err := c.connection.Engine.Join(ctx, link.Settings{
		Version: link.SettingsVersion, Partitions: s.cfg.CollectPartitions, Interval: s.cfg.FlushInterval, Horizon: s.cfg.LateHorizon, Tags: s.cfg.Tags.String(),
	})
	if err != nil {
		err = fmt.Errorf("--collect %s: %w", s.cfg.CollectFrom, err)
		c.fault.Store(&err)
		return err
	}
	c.fault.Store(nil)
	c.owner.Store(collect.NewOwner(collect.Config{
		ID: s.cfg.CollectID, Lateness: s.cfg.Lateness, Correct: s.cfg.Late == collect.LateCorrect, Settings: settings,
		Table: func() aggregate.Config { return *c.table.Load() }, Publisher: publisher{s}, Log: s.log,
	}, c.connection.Engine))
	close(c.joined)
	return nil
}

// collect owns partitions until ctx ends. It returns an error if the cluster can never be joined.
func (s *Server) collect(ctx context.Context) error {
	c := &s.collecting
	for c.owner.Load() == nil {
		if err := s.joinCluster(ctx); err != nil && isMismatch(err) {
			return err
		} else if err != nil && !clock.Sleep(ctx, joinAgain) {
			return nil
		}
	}
	err := c.owner.Load().Run(ctx, c.connection.Members(s.cfg.CollectID))
	if ctx.Err() != nil && err != nil {
		s.log.Warn().Err(err).Msg("leaving the cluster failed: others take the partitions over after some seconds")
		return nil
	}
	return err
}

// closeCollect disconnects from the cluster.
func (s *Server) closeCollect() error {
	if s.collecting.connection == nil {
		return nil
	}
	return s.collecting.connection.Engine.Close()
}

// publisher publishes the windows of partitions.
type publisher struct{ *Server }

// Publish implements collect.Publisher. One window at a time waits for room, and goes to the flush loop.
func (s publisher) Publish(ctx context.Context, iv *aggregate.Interval, w collect.Window) (ticket uint64, err error) {
	c := &s.collecting
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	s.out.AwaitRoom(ctx)
	err = s.loop.do(ctx, func() { ticket = s.publishWindow(iv, w) })
	return ticket, err
}

// publishWindow summarises a window, and offers its points. Recorders see it once.
func (s *Server) publishWindow(iv *aggregate.Interval, w collect.Window) uint64 {
	defer s.cpu.flush.Start()()
	if !w.Again {
		s.out.Show(iv)
	}
	layout := s.flushes.layout
	layout.Rows, layout.ExpBins = s.out.Rows()
	sn := iv.Summarize(layout, w.End.Unix())
	if c := &s.collecting; !w.Again {
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
	all := s.collecting.newest
	s.collecting.newest = nil
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
