package server

import (
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

const (
	// ownFiles reserves descriptors for the runtime, the log, the state file, notifiers and name
	// look-ups.
	ownFiles = 24
	// sinkFiles reserves descriptors for a sink and its spool.
	sinkFiles = 6
)

// intakeLimits returns the limits of intake. They leave enough descriptors for publishing, the
// state file, notifiers and the monitor's clients.
func (s *Server) intakeLimits() intake.Limits {
	limits := s.cfg.Limits
	limits.Reserved = ownFiles + sinkFiles*len(s.cfg.Sinks) + s.cfg.Receivers
	servers := 0
	if s.cfg.MonitorPort >= 0 {
		servers++
	}
	if s.cfg.Admin != "" {
		servers++
	}
	for _, d := range s.cfg.Sinks {
		if d.Recorder != nil {
			servers++
		}
	}
	limits.Reserved += servers * (1 + descriptors.Share(gate.MaxConns))
	if s.cfg.PipeDir != "" {
		limits.Reserved += descriptors.Share(pipes.MaxParallel)
	}
	return limits
}
