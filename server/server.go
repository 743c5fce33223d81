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
// one lock. A TCP connection has a goroutine too, and shares one of the lanes.
//
// # A flush
//
// The flush loop takes the table's content out at each multiple of the flush
// interval, summarises it, adds the daemon's own figures, and offers the
// Snapshot to one outlet for each sink. Outlets have their own goroutines: they
// queue, send and try again, and nobody waits for them.
package server

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// drainTime is how long a stream has to be silent at the end, to count as read.
const drainTime = 100 * time.Millisecond

// Server is a daemon. Make it with New.
type Server struct {
	cfg     Config
	log     zerolog.Logger
	started time.Time

	table     *aggregate.Table
	lanes     []*lane
	receivers []*udpReceiver
	streams   *streams
	outlets   []*outlet
	monitor   *meta.Monitor // nil without one
	watch     *watch        // nil without --debug

	flushes   flushes
	boundary  atomic.Int64 // when the next flush is due, in Unix nanoseconds
	flushedAt atomic.Int64 // when the last one was done
	alerts    alerts

	stats    meta.Stats
	values   *meta.Values
	bad      meta.BadLines
	collided collided
	summary  discardSummary
	warned   map[string]bool // flags of limits that were warned of
}

// New checks the configuration, binds all ports, and starts nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Log, started: time.Now(), values: meta.NewValues(cfg.KeepValues), watch: newWatch(&cfg), warned: map[string]bool{}}
	s.flushedAt.Store(s.started.UnixNano())
	l, err := listen(&cfg)
	if err != nil {
		return nil, err
	}
	s.makeTable(len(l.udp))
	if err := s.bindMonitor(); err != nil {
		l.close()
		return nil, err
	}
	if err := s.makeOutlets(); err != nil {
		l.close()
		return nil, errors.Join(err, s.closeMonitor())
	}
	for i, socket := range l.udp {
		s.receivers = append(s.receivers, newReceiver(s, i, socket))
	}
	s.streams = newStreams(s, l)
	// The monitor has all names from the first second on.
	s.stats.Keep(s.figures(&flushed{snapshot: &aggregate.Snapshot{}}), cfg.FlushInterval)
	s.logStart()
	return s, nil
}

func (s *Server) makeTable(receivers int) {
	expire := uint32(s.cfg.Expire)
	gauges := uint32(min(int64(s.cfg.GaugeExpire/s.cfg.FlushInterval), 1<<31))
	s.table = aggregate.NewTable(aggregate.Config{
		Shards:        receivers,
		MaxNames:      s.cfg.MaxNames,
		MaxNameLength: s.cfg.MaxNameLength,
		MaxSetMembers: s.cfg.MaxSetMembers,

		MaxTimerSamples: s.cfg.MaxTimerSamples,

		Expire: [metric.Kinds]uint32{
			metric.Counter: expire, metric.Timer: expire, metric.Set: expire, metric.Gauge: gauges,
		},
	})
	seed := maphash.MakeSeed()
	for i := range receivers {
		s.lanes = append(s.lanes, &lane{shard: s.table.Shard(i), bad: &s.bad, watch: s.watch, offenders: offenders{seed: seed}})
	}
	s.flushes.schedule.interval = int64(s.cfg.FlushInterval)
	s.flushes.layout = aggregate.Layout{Prefix: s.cfg.Prefix, Percentiles: s.cfg.Percentiles, Interval: s.cfg.FlushInterval}
}

func (s *Server) bindMonitor() error {
	if s.cfg.MonitorPort < 0 {
		return nil
	}
	m, err := meta.NewMonitor(meta.MonitorConfig{
		Host:      s.cfg.MonitorHost,
		Port:      s.cfg.MonitorPort,
		Version:   s.cfg.Version,
		OwnPrefix: s.cfg.MetadataPrefix,
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

func (s *Server) makeOutlets() error {
	for _, n := range s.cfg.Sinks {
		o, err := newOutlet(n, &s.cfg)
		if err != nil {
			for _, made := range s.outlets {
				err = errors.Join(err, made.closeSpool())
			}
			return err
		}
		s.outlets = append(s.outlets, o)
	}
	return nil
}

// parser returns a parser for received lines.
func (s *Server) parser() wire.Parser { return wire.Parser{AbsoluteSigns: s.cfg.AbsoluteSigns} }

// Addr returns the bound address of TCP; UDP has the same port.
func (s *Server) Addr() net.Addr { return s.streams.listener.Addr() }

// MonitorAddr returns the monitor's bound address, nil without a monitor.
func (s *Server) MonitorAddr() net.Addr {
	if s.monitor == nil {
		return nil
	}
	return s.monitor.Addr()
}

// logStart says what an operator wants to know of a start, and warns of what
// he may not expect.
func (s *Server) logStart() {
	e := s.log.Info().Str("version", s.cfg.Version).Stringer("address", s.Addr()).
		Stringer("flush_interval", s.cfg.FlushInterval).Int("sinks", len(s.outlets))
	if s.monitor != nil {
		e = e.Stringer("monitor", s.monitor.Addr())
	}
	if n := len(s.cfg.Sockets); n > 0 {
		e = e.Int("sockets_given", n)
	}
	e.Msg("ready for udp and tcp")
	if len(s.outlets) == 0 {
		s.log.Warn().Msg("no sink: nothing is published, the last flushes show in the monitor only (set --graphite-host)")
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

// Run serves until ctx ends. Then it reads what the sockets hold, flushes once
// more, delivers for as long as the grace period lasts, and returns when everything it
// started has ended. A Server runs once.
func (s *Server) Run(ctx context.Context) error {
	serving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()

	var intake, sending, others sync.WaitGroup
	for _, r := range s.receivers {
		intake.Go(func() {
			if err := r.run(); err != nil {
				stop(fmt.Errorf("receive on udp %s: %w", s.Addr(), err))
			}
		})
	}
	intake.Go(s.streams.run)
	grace, cutOff := context.WithCancel(background)
	defer cutOff()
	for _, o := range s.outlets {
		sending.Go(o.encode)
		sending.Go(func() { o.send(grace) })
	}
	s.runOthers(background, &others, stop)
	if s.cfg.Alerts {
		others.Go(func() { s.alertLoop(serving) })
	}

	s.flushLoop(serving)
	s.log.Info().Msg("ending: reading what is left, flushing, delivering")
	deadline := time.AfterFunc(s.cfg.Grace, cutOff)
	defer deadline.Stop()
	s.streams.stop(s.cfg.Grace / 2)
	for _, r := range s.receivers {
		r.stop()
	}
	intake.Wait()
	s.flush(s.flushes.schedule.next(time.Now().UnixNano()))
	for _, o := range s.outlets {
		o.end()
	}
	sending.Wait()
	s.closeAll()
	end()
	others.Wait()
	if cause := context.Cause(serving); ctx.Err() == nil && cause != nil {
		return cause
	}
	return nil
}

// runOthers starts what lives until everything else has ended.
func (s *Server) runOthers(ctx context.Context, others *sync.WaitGroup, stop context.CancelCauseFunc) {
	if s.monitor != nil {
		others.Go(func() {
			if err := s.monitor.Run(ctx); err != nil {
				stop(err)
			}
		})
	}
	if s.watch != nil {
		others.Go(func() { s.watch.run(ctx) })
	}
}

// closeAll closes sinks and sockets, and reports what was not delivered.
func (s *Server) closeAll() {
	for _, o := range s.outlets {
		if err := o.sink.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Warn().Err(err).Str("sink", o.name).Msg("closing the sink failed")
		}
		o.logLeft()
		if err := o.closeSpool(); err != nil {
			s.log.Error().Err(err).Str("sink", o.name).Msg("closing the spool failed")
		}
	}
	for _, r := range s.receivers {
		if err := r.socket.close(); err != nil {
			s.log.Warn().Err(err).Msg("closing a udp socket failed")
		}
	}
	s.log.Info().Uint64("samples", s.flushes.total.received()).Msg("ended")
}
