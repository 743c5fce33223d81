package server

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/census"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/history"
)

// New checks the configuration and binds all ports. The daemon does not run until Run is called.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, started: time.Now(), loop: newLoop(cfg.Beat, cfg.BeatEvery), warned: limitWarnings{},
		values: history.NewValues(history.Config{Interval: cfg.FlushInterval, Names: cfg.KeepValues, Memory: cfg.HistoryMemory}),
		past:   history.NewFigures(cfg.FlushInterval),
	}
	s.windows.turn = make(chan struct{}, 1)
	s.flushes.schedule.interval = int64(cfg.FlushInterval)
	s.flushes.layout = cfg.layout()
	s.flushes.scheme = s.flushes.layout.Scheme()
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.alerts.Show(s.page)
	s.alerts.Follow(cfg.service(), cfg.Audience)
	// Store the figures of an empty flush, so that the monitor shows all figures before the first flush.
	s.health.tracker = meta.NewTracker(s.started, s.MonitorAddr(), cfg.MonitorCert != "")
	s.noteIntake()
	s.stats.Keep(s.figures(&flushed{snapshot: &aggregate.Snapshot{}, sinks: s.out.States()}), cfg.FlushInterval)
	s.logStart()
	return s, nil
}

// open opens all parts. If it fails, the caller must call close, which closes the parts that are
// open.
func (s *Server) open() (err error) {
	if err := s.openMember(); err != nil {
		return err
	}
	s.in, err = intake.Open(intake.Config{
		Listen: s.cfg.Listen, Limits: s.intakeLimits(), Table: s.cfg.table(), FlushInterval: s.cfg.FlushInterval, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.in.Table().Count(census.NewCounter)
	s.loadState()
	s.openAlerts()
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

// close closes the parts of s that are open.
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
	for _, edge := range s.route.Edges {
		err = errors.Join(err, edge.Close())
	}
	if s.member != nil {
		err = errors.Join(err, s.member.Close())
	}
	return err
}

// restartPatience is the minimum of alert.Config.Patience: an episode from before a restart stays
// open for this time after the restart, even if its problem is not found.
const restartPatience = time.Minute

// openAlerts creates the alerts. Episodes that an earlier daemon saved next to the state file
// continue.
func (s *Server) openAlerts() {
	s.host = s.hostname()
	if port := listen.Port(s.in.Addr()); port > 0 {
		s.host = net.JoinHostPort(s.host, strconv.Itoa(port))
	}
	s.alerts = alert.New(alert.Config{
		Host: s.host, StateFile: s.cfg.StateFile, Patience: max(restartPatience, 4*s.cfg.FlushInterval), Log: s.log,
	})
}

// logStart logs the main settings, and warnings about settings that may surprise the operator.
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
	if len(s.cfg.Listeners) > 0 {
		e = e.Strs("listeners", s.in.Addresses())
	}
	for _, edge := range s.route.Edges {
		t := edge.Target()
		e = e.Str("forward", t.ForwardTo).Str("forward_id", t.ForwardID)
	}
	e.Msg("ready for " + strings.Join(s.in.Networks(), " and "))
	if len(s.cfg.Sinks) == 0 {
		s.log.Warn().Msg("no sink: nothing is published, only the monitor shows the last flushes (set --sink or --graphite-host)")
	}
	if s.cfg.FlushInterval < time.Second {
		s.log.Warn().Stringer("flush_interval", s.cfg.FlushInterval).
			Msg("several flushes share a second: graphite keeps only the points of the last flush in a second (--flush-interval below 1s is for tests)")
	}
	if s.cfg.DebugMetric != "" && !s.cfg.Debug {
		s.log.Warn().Msg("--debug-metric has no effect without --debug")
	}
	s.warnOfMinutes()
	s.warnOfMonitor()
	s.warnOfRules()
}

// maxHints is the maximum number of hints that are logged for a file of rules.
const maxHints = 20

// warnOfRules logs hints about rules that may not do what their author expects.
func (s *Server) warnOfRules() {
	if s.cfg.Rules == nil {
		return
	}
	hints := s.cfg.Rules.Warnings()
	for _, hint := range hints[:min(len(hints), maxHints)] {
		s.log.Warn().Msgf("--rules: %v", hint)
	}
	if more := len(hints) - maxHints; more > 0 {
		s.log.Warn().Msgf("--rules: %d more hints are not shown: to see all hints, run \"statsd --check-rules FILE\"", more)
	}
}

// warnOfMinutes logs a warning if a minute is not a multiple of the flush interval. Some Recorders
// collect values by minute. Their minutes then contain different numbers of flush intervals.
func (s *Server) warnOfMinutes() {
	if s.out.Records() && time.Minute%s.cfg.FlushInterval != 0 {
		s.log.Warn().Stringer("flush_interval", s.cfg.FlushInterval).
			Msg("a minute is not a multiple of the flush interval: the values of an interval count for the minute in which the interval ends")
	}
}

// intakeLimits returns the limits of intake. They keep enough descriptors free for all other parts
// of the daemon.
func (s *Server) intakeLimits() intake.Limits {
	limits := s.cfg.Limits
	limits.Reserved = s.cfg.Reserved()
	return limits
}
