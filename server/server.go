// Package server is the daemon: it receives lines, flushes, and runs sinks, monitor and notifiers
// until it is stopped.
//
//	s, err := server.New(cfg) // checks and binds, or undoes what it did
//	err = s.Run(ctx)          // serves until ctx ends, then delivers and returns
//
// Package intake receives, and package delivery publishes. Between them runs the flush loop. At each
// multiple of the flush interval it drains the table that intake fills, summarises the content, adds
// the daemon's own figures, and offers the Snapshot to delivery. It waits for neither.
package server

import (
	"errors"
	"log"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/cputime"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/history"
)

// Server is a daemon. Make it with New.
type Server struct {
	cfg     Config
	log     zerolog.Logger
	started time.Time

	in      *intake.Intake
	out     *delivery.Delivery
	edge    *forward.Edge    // nil without --forward or --collect
	target  forward.Target   // of edge
	monitor *meta.Monitor    // nil without one
	console *console.Console // nil without --admin

	collecting collecting

	loop      loop
	reloading sync.Mutex // held during a reload
	flushes   flushes    // used by the flush loop only
	flushedAt atomic.Int64
	flushed   atomic.Pointer[boundary] // the last flush; nil before the first
	heard     heard
	state     stateFile
	alerts    alerts
	telling   telling
	asked     asked

	stats    meta.Stats
	values   *history.Values
	past     *history.Figures
	collided collided
	health   health
	cpu      struct{ flush, send cputime.Meter }
	draining atomic.Bool           // the flush loop has ended
	warned   map[string]limitStage // limits already warned of, by flag
}

// New checks the configuration and binds all ports. It starts nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, started: time.Now(), loop: newLoop(), warned: map[string]limitStage{},
		values: history.NewValues(history.Config{Interval: cfg.FlushInterval, Names: cfg.KeepValues, Memory: cfg.HistoryMemory}),
		past:   history.NewFigures(cfg.FlushInterval),
	}
	s.flushes.schedule.interval = int64(cfg.FlushInterval)
	s.flushes.layout = cfg.layout()
	s.flushes.scheme = s.flushes.layout.Scheme()
	s.alerts.changed = make(chan struct{}, 1)
	s.alerts.counts = map[string]tally{}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.alerts.follow(&cfg)
	s.telling.follow(&cfg)
	// The monitor shows all figures from the start.
	s.health.tracker = meta.NewTracker(s.started, s.MonitorAddr())
	s.noteIntake()
	s.stats.Keep(s.figures(&flushed{snapshot: &aggregate.Snapshot{}, sinks: s.out.States()}), cfg.FlushInterval)
	s.logStart()
	return s, nil
}

// open opens the parts. After an error, close closes the ones that are open.
func (s *Server) open() (err error) {
	if err := s.openCollect(); err != nil {
		return err
	}
	if err := s.openForward(); err != nil {
		return err
	}
	s.in, err = intake.Open(intake.Config{
		Listen: s.cfg.Listen, Limits: s.intakeLimits(), Table: s.cfg.table(), FlushInterval: s.cfg.FlushInterval, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.loadState()
	s.openTelling()
	s.openAsked()
	if err := s.openMonitor(); err != nil {
		return err
	}
	if err := s.openConsole(); err != nil {
		return err
	}
	s.out, err = delivery.Open(delivery.Config{Spool: s.cfg.Spool, Publish: s.cfg.Publish, CPU: &s.cpu.send, Log: s.log})
	return err
}

// close closes the open parts.
func (s *Server) close() (err error) {
	if s.in != nil {
		err = s.in.Close()
	}
	if s.monitor != nil {
		err = errors.Join(err, s.monitor.Close())
	}
	if s.console != nil {
		err = errors.Join(err, s.console.Close())
	}
	if s.edge != nil {
		err = errors.Join(err, s.edge.Close())
	}
	return errors.Join(err, s.closeCollect())
}

func (s *Server) openMonitor() error {
	if s.cfg.MonitorPort < 0 {
		return nil
	}
	own := s.cfg.MetadataPrefix
	if own != "" {
		own = s.flushes.layout.OwnPrefix(own)
	}
	certificate, err := s.cfg.certificate()
	if err != nil {
		return err
	}
	m, err := meta.NewMonitor(meta.MonitorConfig{
		Host:      s.cfg.MonitorHost,
		Port:      s.cfg.MonitorPort,
		Version:   s.cfg.Version,
		OwnPrefix: own,
		Questions: s.desk().Questions(),
		Changes:   s.asked.hands.Changes(),
		Guard:     s.asked.guard,
		Trail:     &s.asked.trail,
		Stamp:     s.asked.events.Stamp,
		Events:    s.asked.events,
		Episodes:  s.telling.episodes,

		Certificate: certificate,
		ErrorLog:    log.New(errorLog{s.log.With().Str("part", "monitor").Logger()}, "", 0),
	}, s, s.values)
	if err != nil {
		return err
	}
	s.monitor = m
	scheme := "http://"
	if certificate != nil {
		scheme = "https://"
	}
	s.telling.page = scheme + net.JoinHostPort(s.hostname(), strconv.Itoa(m.Addr().(*net.TCPAddr).Port)) + "/"
	return nil
}

// errorLog logs each write to it as an error.
type errorLog struct{ zerolog.Logger }

func (l errorLog) Write(line []byte) (int, error) {
	l.Error().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
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

// logStart logs the main settings and warns of surprising ones.
func (s *Server) logStart() {
	e := s.log.Info().Str("version", s.cfg.Version).Stringer("address", s.Addr()).
		Stringer("flush_interval", s.cfg.FlushInterval).Int("sinks", s.sinks())
	if s.monitor != nil {
		e = e.Stringer("monitor", s.monitor.Addr())
	}
	if s.console != nil {
		e = e.Stringer("admin", s.console.Addr())
	}
	if n := len(s.cfg.Sockets); n > 0 {
		e = e.Int("sockets_given", n)
	}
	if s.edge != nil {
		e = e.Str("forward", s.target.ForwardTo).Str("forward_id", s.target.ForwardID)
	}
	e.Msg("ready for udp and tcp")
	if len(s.cfg.Sinks) == 0 {
		s.log.Warn().Msg("no sink: nothing is published, only the monitor shows the last flushes (set --sink or --graphite-host)")
	}
	if s.cfg.FlushInterval < time.Second {
		s.log.Warn().Stringer("flush_interval", s.cfg.FlushInterval).
			Msg("several flushes share a second: graphite keeps the last (--flush-interval below 1s is for tests)")
	}
	if s.cfg.DebugMetric != "" && !s.cfg.Debug {
		s.log.Warn().Msg("--debug-metric does nothing without --debug")
	}
	s.warnOfMinutes()
	s.warnOfMonitor()
}

// warnOfMinutes warns if the flush interval does not divide a minute, because recorders count in
// minutes.
func (s *Server) warnOfMinutes() {
	if s.out.Records() && time.Minute%s.cfg.FlushInterval != 0 {
		s.log.Warn().Stringer("flush_interval", s.cfg.FlushInterval).
			Msg("the flush interval does not divide a minute: an interval counts for the minute in which it ends")
	}
}
