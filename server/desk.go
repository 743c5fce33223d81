package server

import (
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/operator"
)

// desk returns the part that answers the operator's questions.
func (s *Server) desk() *operator.Desk {
	return operator.New(operator.Sources{
		Host:     s.telling.host,
		Version:  s.cfg.Version,
		Started:  s.started,
		Interval: s.cfg.FlushInterval,
		Daemon:   s,
		Episodes: s.telling.episodes,
		Values:   s.values,
		Past:     s.past,
		Probes:   s.in,
		Config:   s.cfg.Described,
		Resident: resident,
		OnLoop:   s.onLoop,
		Mutes:    s.asked.hands.Muted,
		Draining: s.asked.hands.Draining,
		Audit:    s.asked.trail.Last,
		Flushed:  s.lastFlush,
		Sinks:    func() []delivery.State { return s.out.States() },
		Cluster:  s.cluster,
	})
}

// lastFlush returns the number and the time of the last flush.
func (s *Server) lastFlush() (number uint64, at time.Time) {
	if b := s.flushed.Load(); b != nil {
		return b.number, b.at
	}
	return 0, time.Time{}
}
