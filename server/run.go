package server

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// drainTime is how long a stream has to be silent at the end, to count as read.
const drainTime = 100 * time.Millisecond

// running is what Run has started, for a reload to add to. It belongs to the
// flush loop.
type running struct {
	sending    sync.WaitGroup  // outlets
	others     sync.WaitGroup  // what lives until everything else has ended
	background context.Context // of the others
	grace      context.Context // of the outlets: ends with the grace period
}

func (r *running) begin(background, grace context.Context) {
	r.background, r.grace = background, grace
}

// Run serves until ctx ends. Then it reads what the sockets hold, flushes once
// more, delivers for as long as the grace period lasts, and returns when everything it
// started has ended. A Server runs once.
func (s *Server) Run(ctx context.Context) error {
	serving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	grace, cutOff := context.WithCancel(background)
	defer cutOff()
	s.running.begin(background, grace)

	var intake sync.WaitGroup
	for _, r := range s.receivers {
		intake.Go(func() {
			if err := r.run(); err != nil {
				stop(fmt.Errorf("receive on udp %s: %w", s.Addr(), err))
			}
		})
	}
	intake.Go(s.streams.run)
	if s.pipes != nil {
		intake.Go(func() { s.pipes.run(serving) })
	}
	for _, o := range s.outlets {
		s.startOutlet(o)
	}
	s.startRecordings()
	s.startOthers(serving, stop)

	s.flushLoop(serving)
	s.draining.Store(true)
	s.reloads.end()
	s.log.Info().Msg("ending: reading what is left, flushing, delivering")
	s.running.others.Go(func() { s.beatUntil(background) })
	over := time.Now().Add(s.cfg.Grace)
	deadline := time.AfterFunc(s.cfg.Grace, cutOff)
	defer deadline.Stop()
	if s.pipes != nil {
		most := s.cfg.Grace / 2
		intake.Go(func() { s.pipes.readLast(most) })
	}
	s.streams.stop(s.cfg.Grace / 2)
	for _, r := range s.receivers {
		r.stop()
	}
	intake.Wait()
	s.flush(s.flushes.schedule.next(time.Now().UnixNano()))
	for _, o := range slices.Concat(s.outlets, s.retired) {
		o.end()
	}
	s.saveLastState(over)
	s.running.sending.Wait()
	s.closeSockets()
	end()
	s.running.others.Wait()
	s.log.Info().Uint64("samples", s.flushes.total.samples).Msg("ended")
	if cause := context.Cause(serving); ctx.Err() == nil && cause != nil {
		return cause
	}
	return nil
}

// startOutlet lets an outlet send until it is ended or the grace period is over.
func (s *Server) startOutlet(o *outlet) {
	grace, cancel := context.WithCancel(s.running.grace)
	o.cancel = cancel
	o.log.Info().Str("address", o.wanted.Address).Msg("publishing")
	s.running.sending.Go(func() {
		defer cancel()
		o.run(grace)
	})
}

// startOthers starts the monitor and what else lives until the end, and the console, which
// cannot do much once the flush loop has ended.
func (s *Server) startOthers(serving context.Context, stop context.CancelCauseFunc) {
	if s.monitor != nil {
		s.running.others.Go(func() {
			if err := s.monitor.Run(s.running.background); err != nil {
				stop(err)
			}
		})
	}
	if s.console != nil {
		s.running.others.Go(func() {
			if err := s.console.Run(serving); err != nil {
				stop(err)
			}
		})
	}
	s.startWatch()
	s.running.others.Go(func() { s.alertLoop(serving) })
	s.running.others.Go(func() { s.watchHealth(s.running.background) })
}

func (s *Server) startWatch() {
	if w := s.watch; w != nil {
		s.running.others.Go(func() { w.run(s.running.background) })
	}
}

// beatUntil keeps a watchdog quiet until ctx ends: the flush loop is over, and what
// may last too long has the grace period.
func (s *Server) beatUntil(ctx context.Context) {
	for s.beat(); sleep(ctx, s.beatEvery()); s.beat() {
	}
}

// beat tells a watchdog that all is well.
func (s *Server) beat() {
	if s.cfg.Beat != nil {
		s.cfg.Beat()
	}
}

// beatEvery is how long the flush loop may sleep.
func (s *Server) beatEvery() time.Duration {
	if s.cfg.Beat != nil && s.cfg.BeatEvery > 0 {
		return min(s.cfg.BeatEvery, time.Second)
	}
	return time.Second
}

// closeSockets lets go of what the receivers read.
func (s *Server) closeSockets() {
	for _, r := range s.receivers {
		if err := r.socket.close(); err != nil {
			s.log.Warn().Err(err).Msg("closing a udp socket failed")
		}
	}
}
