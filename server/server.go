// Package server is the daemon: it takes lines in, flushes, and keeps sinks,
// monitor and notifiers going until it is told to end.
//
//	s, err := server.New(cfg) // checks and binds, or undoes what it did
//	err = s.Run(ctx)          // serves until ctx ends, then delivers and returns
//
// # A datagram, from the socket to the table
//
// Each UDP socket has a receiver, a goroutine that reads a batch of datagrams,
// parses it and adds it to its lane's shard of the table: no channel, no copy,
// one lock. A TCP connection has a goroutine too, and shares one of the lanes, and
// so does the reader of stat pipes.
//
// # A flush
//
// The flush loop takes the table's content out at each multiple of the flush
// interval, summarises it, adds the daemon's own figures, and offers the
// Snapshot to one outlet for each sink. Outlets have their own goroutines: they
// queue, send and try again, and nobody waits for them.
package server

import (
	"errors"
	"hash/maphash"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/wire"
)

// Server is a daemon. Make it with New.
type Server struct {
	cfg     Config
	log     zerolog.Logger
	started time.Time

	table      *aggregate.Table
	lanes      []*lane
	receivers  []*udpReceiver
	streams    *streams
	pipes      *pipeReader // nil without --pipe-dir
	outlets    []*outlet   // see currentOutlets
	retired    []*outlet   // whose sinks were removed, for their figures
	recordings recordings
	monitor    *meta.Monitor    // nil without one
	console    *console.Console // nil without --admin
	heard      heard
	watch      *watch // the flush loop's; nil without --debug
	unwatched  uint64 // skipped by former ones
	running    running
	reloads    reloads
	state      stateFile

	outletsMu sync.RWMutex
	flushes   flushes
	boundary  atomic.Int64 // when the next flush is due, in Unix nanoseconds
	flushedAt atomic.Int64 // when the last one was done, since started: it does not jump with the clock
	alerts    alerts

	stats    meta.Stats
	values   *meta.Values
	bad      meta.BadLines
	collided collided
	health   health
	draining atomic.Bool           // the flush loop has ended
	warned   map[string]limitStage // what was warned of limits, by flag
}

// New checks the configuration, binds all ports, and starts nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Log, started: time.Now(), values: meta.NewValues(cfg.KeepValues), watch: newWatch(&cfg), warned: map[string]limitStage{}}
	s.reloads = newReloads()
	s.alerts.changed = make(chan struct{}, 1)
	l, err := listen(&cfg)
	if err != nil {
		return nil, err
	}
	s.makeTable(len(l.udp))
	s.loadState()
	if cfg.PipeDir != "" {
		if s.pipes, err = newPipeReader(&cfg, s.lanes[0]); err != nil {
			l.close()
			return nil, err
		}
	}
	undo := func(err error) error {
		l.close()
		return errors.Join(err, s.recordings.undo(), s.closeConsole(), s.closeMonitor())
	}
	if err := s.bindMonitor(); err != nil {
		return nil, undo(err)
	}
	if err := s.bindConsole(); err != nil {
		return nil, undo(err)
	}
	recordings, _, err := s.planRecordings(&cfg)
	if err != nil {
		return nil, undo(err)
	}
	s.recordings = recordings
	p, err := s.planOutlets(&cfg)
	if err != nil {
		return nil, undo(err)
	}
	s.outlets = p.outlets
	s.alerts.follow(&cfg)
	for i, socket := range l.udp {
		s.receivers = append(s.receivers, newReceiver(s, i, socket))
	}
	s.streams = newStreams(s, l)
	// The monitor has all names from the first second on.
	s.health.tracker = meta.NewTracker(s.started, s.MonitorAddr())
	s.noteIntake()
	s.stats.Keep(s.figures(&flushed{snapshot: &aggregate.Snapshot{}}), cfg.FlushInterval)
	s.logStart()
	return s, nil
}

func (s *Server) makeTable(receivers int) {
	limits := s.cfg.limits()
	limits.Shards = receivers
	s.table = aggregate.NewTable(limits)
	seed := maphash.MakeSeed()
	for i := range receivers {
		s.lanes = append(s.lanes, &lane{
			shard: s.table.Shard(i), tagger: wire.NewTagger(s.cfg.Tags, s.cfg.Dialect), bad: &s.bad, watch: s.watch, offenders: offenders{seed: seed},
		})
	}
	s.flushes.schedule.interval = int64(s.cfg.FlushInterval)
	s.flushes.layout = s.cfg.layout()
}

func (s *Server) bindMonitor() error {
	if s.cfg.MonitorPort < 0 {
		return nil
	}
	own := s.cfg.MetadataPrefix
	if own != "" {
		own = s.flushes.layout.OwnPrefix(own)
	}
	m, err := meta.NewMonitor(meta.MonitorConfig{
		Host:      s.cfg.MonitorHost,
		Port:      s.cfg.MonitorPort,
		Version:   s.cfg.Version,
		OwnPrefix: own,
		ErrorLog:  log.New(s.log.With().Str("part", "monitor").Logger(), "", 0),
	}, s, s.values)
	if err != nil {
		return err
	}
	s.monitor = m
	return nil
}

func (s *Server) closeMonitor() error {
	if s.monitor == nil {
		return nil
	}
	return s.monitor.Close()
}

// parser returns a parser for lines that a lane receives.
func (s *Server) parser(l *lane) wire.Parser {
	return wire.Parser{AbsoluteSigns: s.cfg.AbsoluteSigns, Dialect: s.cfg.Dialect, Tagger: l.tagger}
}

// Addr returns the bound address of TCP; UDP has the same port.
func (s *Server) Addr() net.Addr { return s.streams.listener.Addr() }

// MonitorAddr returns the monitor's bound address, nil without a monitor.
func (s *Server) MonitorAddr() net.Addr {
	if s.monitor == nil {
		return nil
	}
	return s.monitor.Addr()
}

// AdminAddr returns the console's bound address, nil without a console.
func (s *Server) AdminAddr() net.Addr {
	if s.console == nil {
		return nil
	}
	return s.console.Addr()
}

// logStart says what an operator wants to know of a start, and warns of what
// he may not expect.
func (s *Server) logStart() {
	e := s.log.Info().Str("version", s.cfg.Version).Stringer("address", s.Addr()).
		Stringer("flush_interval", s.cfg.FlushInterval).Int("sinks", len(s.outlets)+len(s.recordings.running))
	if s.monitor != nil {
		e = e.Stringer("monitor", s.monitor.Addr())
	}
	if s.console != nil {
		e = e.Stringer("admin", s.console.Addr())
	}
	if n := len(s.cfg.Sockets); n > 0 {
		e = e.Int("sockets_given", n)
	}
	e.Msg("ready for udp and tcp")
	if len(s.outlets)+len(s.recordings.running) == 0 {
		s.log.Warn().Msg("no sink: nothing is published, the last flushes show in the monitor only (set --sink or --graphite-host)")
	}
	if s.cfg.SpoolDir != "" {
		s.logForgotten()
	}
	if s.cfg.FlushInterval < time.Second {
		s.log.Warn().Stringer("flush_interval", s.cfg.FlushInterval).
			Msg("several flushes share a second: graphite keeps the last (--flush-interval below 1s is for tests)")
	}
	if s.cfg.DebugMetric != "" && !s.cfg.Debug {
		s.log.Warn().Msg("--debug-metric does nothing without --debug")
	}
	for _, r := range s.receivers {
		if granted := r.socket.granted(); granted < s.cfg.UDPBuffer {
			s.log.Warn().Int("asked", s.cfg.UDPBuffer).Int("granted", granted).
				Msgf("the kernel grants a smaller udp buffer than --udp-buffer; sysctl -w net.core.rmem_max=%d lets it", s.cfg.UDPBuffer)
			break
		}
	}
}
