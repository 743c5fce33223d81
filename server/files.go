package server

import (
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/certs"
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
	// channelFiles is for a connection and the look-up of its name.
	channelFiles = 2
)

// Reserved returns the number of descriptors that clients over TCP may not use: for publishing, the
// state file, notifiers and the monitor's clients.
func (c *Config) Reserved() int {
	n := ownFiles + sinkFiles*len(c.Sinks) + channelFiles*len(c.Channels) + c.Receivers
	servers := 0
	if c.MonitorPort >= 0 {
		servers++
	}
	if c.Admin != "" {
		servers++
	}
	for _, d := range c.Sinks {
		if d.Recorder != nil {
			servers++
		}
	}
	n += servers * (1 + descriptors.Share(gate.MaxConns))
	for i := range c.Listeners {
		if c.Listeners[i].Scheme == listen.TLS {
			n += certs.Greeted()
		}
	}
	if c.PipeDir != "" {
		n += descriptors.Share(pipes.MaxParallel)
	}
	return n
}

// intakeLimits returns the limits of intake. They leave enough descriptors for all else.
func (s *Server) intakeLimits() intake.Limits {
	limits := s.cfg.Limits
	limits.Reserved = s.cfg.Reserved()
	return limits
}
