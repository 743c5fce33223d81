package server

import (
	"context"
	"sync"
	"time"
)

// Run serves until ctx ends. An edge daemon first waits until it has the settings of its cluster.
// At the end Run stops the parts in this order: the flush loop; intake, once the sockets
// are empty; delivery, after a last flush and within the grace period; the monitor. It returns when
// all goroutines have ended. The only exception is a write of the state file that the disk does not
// finish. Call Run only once.
func (s *Server) Run(ctx context.Context) error {
	serving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()

	s.out.Start(background)
	var others sync.WaitGroup
	s.startOthers(&others, serving, background, stop)
	if err := s.join(serving); err != nil {
		stop(err)
	}
	// A daemon that could not get the settings of its cluster does not receive.
	receiving := !s.forwards() || serving.Err() == nil
	if receiving {
		s.in.Start(stop)
		s.flushLoop(serving)
	}
	s.draining.Store(true)
	s.loop.end()
	if receiving {
		s.log.Info().Msg("the daemon is ending: it reads the data that has arrived, flushes, and delivers the points")
	} else {
		s.log.Warn().Msg("the daemon is ending before it has joined the cluster: it has taken no samples, and samples that wait in its sockets are lost")
	}
	others.Go(func() { s.loop.beatUntil(background) })
	over := time.Now().Add(s.cfg.Grace)
	deadline := time.AfterFunc(s.cfg.Grace, s.out.CutOff)
	defer deadline.Stop()
	if receiving {
		s.in.End(s.cfg.Grace / 2)
		s.flush(s.flushes.schedule.last(time.Now().UnixNano()))
		s.saveLastState(over)
	}
	s.out.End()
	end()
	others.Wait()
	s.closeAtEnd()
	s.logLosses()
	s.log.Info().Uint64("samples", s.flushes.total.Samples).Msg("ended")
	if cause := context.Cause(serving); ctx.Err() == nil && cause != nil {
		return cause
	}
	return nil
}

// startOthers starts the monitor, the alerts, the console and the goroutines of the cluster. The
// console needs the flush loop, so both end at the same time.
func (s *Server) startOthers(others *sync.WaitGroup, serving, background context.Context, stop context.CancelCauseFunc) {
	if s.monitor != nil {
		others.Go(func() {
			if err := s.monitor.Run(background); err != nil {
				stop(err)
			}
		})
	}
	if s.console != nil {
		others.Go(func() {
			if err := s.console.Run(serving); err != nil {
				stop(err)
			}
		})
	}
	if s.member.Collects() {
		others.Go(func() {
			if err := s.member.Collect(serving); err != nil {
				stop(err)
			}
		})
	}
	// An edge watches whether all partitions have an owner. A daemon that is also an owner need not watch, because it
	// reads the cluster's state itself.
	if !s.member.Collects() {
		for _, edge := range s.route.Edges {
			others.Go(func() { edge.Watch(serving) })
		}
	}
	if s.cfg.Differs != nil {
		others.Go(func() { s.watchConfig(serving) })
	}
	others.Go(func() { s.checkHealth(serving) })
	others.Go(func() { s.watchHealth(background) })
}

// closeAtEnd closes the sinks, the sockets and the connection to the cluster.
func (s *Server) closeAtEnd() {
	if err := s.out.Close(); err != nil {
		s.log.Warn().Err(err).Msg("closing the sinks failed")
	}
	if err := s.in.Close(); err != nil {
		s.log.Warn().Err(err).Msg("closing the sockets failed")
	}
	if err := s.member.Close(); err != nil {
		s.log.Warn().Err(err).Msg("closing the connection to the cluster failed")
	}
}
