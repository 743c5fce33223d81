// Package server is the daemon: it receives lines, flushes, and runs the sinks, the monitor and the notifiers.
//
//	s, err := server.New(cfg)  // checks the configuration and binds ports; after an error everything is closed
//	err = s.Run(ctx)           // serves until ctx ends, then delivers what waits, and returns
//
// Package intake receives, and package delivery publishes. The flush loop connects the two packages. At each
// multiple of the flush interval it drains the table that intake fills, summarises the content, adds the daemon's
// own figures, and offers the Snapshot to delivery. The flush loop never waits for intake or delivery.
package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/cputime"
	"github.com/statsd-ops/statsd/member"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/history"
	"github.com/statsd-ops/statsd/operator"
)

// Server is a daemon. Make it with New.
type Server struct {
	cfg     Config
	log     zerolog.Logger
	started time.Time

	in      *intake.Intake
	out     *delivery.Delivery
	member  *member.Member
	route   forward.Route    // the Edges that forward intervals to clusters; empty without --forward or --collect
	monitor *meta.Monitor    // nil if the monitor is off
	console *console.Console // nil without --admin

	windows windows

	loop      loop
	reloading sync.Mutex // held during a reload
	flushes   flushes    // only the flush loop uses it
	flushedAt atomic.Int64
	flushed   atomic.Pointer[boundary] // the last flush; nil before the first flush
	state     stateFile
	alerts    *alert.Alerts
	host      string // name and port of this daemon in messages to people
	page      string // address of the live page; "" without a monitor

	// The monitor uses the following fields to answer queries of operators and to make the changes that they request.
	guard  *access.Guard
	trail  access.Trail
	events *operator.Events
	hands  *operator.Hands

	stats    meta.Stats
	values   *history.Values
	past     *history.Figures
	collided collided
	health   health
	cpu      struct{ flush, send cputime.Meter }
	draining atomic.Bool // true when the flush loop has ended
	warned   limitWarnings
}

// Addr returns the bound TCP address. UDP uses the same port.
func (s *Server) Addr() net.Addr { return s.in.Addr() }

// MonitorAddr returns the monitor's bound address, or nil without a monitor.
func (s *Server) MonitorAddr() net.Addr {
	if s.monitor == nil {
		return nil
	}
	return s.monitor.Addr()
}

// AdminAddr returns the console's bound address, or nil without a console.
func (s *Server) AdminAddr() net.Addr {
	if s.console == nil {
		return nil
	}
	return s.console.Addr()
}

// lastFlush returns the number and the time of the last flush.
func (s *Server) lastFlush() (number uint64, at time.Time) {
	if b := s.flushed.Load(); b != nil {
		return b.number, b.at
	}
	return 0, time.Time{}
}

func (s *Server) hostname() string {
	if s.cfg.Hostname != "" {
		return s.cfg.Hostname
	}
	if host, _, err := net.SplitHostPort(s.in.Addr().String()); err == nil {
		return host
	}
	return "localhost" // the daemon listens only on unix sockets
}
