package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// reloads brings changes of the configuration to the flush loop, and what else only that
// may do.
type reloads struct {
	one   sync.Mutex    // at a time
	apply chan func()   // called by the flush loop, between two flushes
	ended chan struct{} // closed when no more are taken
}

func newReloads() reloads {
	return reloads{apply: make(chan func()), ended: make(chan struct{})}
}

func (r *reloads) end() { close(r.ended) }

// between has the flush loop call do between two flushes, and returns when that is done: or
// else an error, and do is not called.
func (r *reloads) between(ctx context.Context, do func()) error {
	done := make(chan struct{})
	select {
	case r.apply <- func() { do(); close(done) }:
		<-done
		return nil
	case <-r.ended:
		return errEnding
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errEnding says that it is too late for that.
var errEnding = errors.New("the daemon is ending")

// Reload makes cfg the configuration while Run is running, as far as that can
// change: limits, percentiles, prefixes, sinks, alerts, debugging, grace period. It
// does so between two flushes, all at once; the next flush is the first that
// shows it. An outlet whose sink stays, stays as it is; one whose sink has
// another configuration goes on with the new one, and one that is not wanted any
// more delivers what it has, within the grace period.
//
// Reload returns the flags of settings that differ and need a restart: these stay
// as they were. After an error everything does.
func (s *Server) Reload(cfg Config) (restart []string, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s.reloads.one.Lock()
	defer s.reloads.one.Unlock()
	restart = cfg.keepFixed(&s.cfg)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("together with what needs a restart (%s): %w", strings.Join(restart, ", "), err)
	}
	if err := s.checkKinds(&cfg); err != nil {
		return nil, err
	}
	cfg.Log = s.cfg.Log
	rs, more, err := s.planRecordings(&cfg)
	if err != nil {
		return nil, err
	}
	restart = append(restart, more...)
	p, err := s.planOutlets(&cfg)
	if err != nil {
		return nil, errors.Join(err, rs.undo())
	}
	apply := func() {
		s.adopt(&cfg, p)
		s.changeRecordings(rs)
	}
	if err := s.reloads.between(context.Background(), apply); err != nil {
		p.undo()
		return nil, errors.Join(err, rs.undo())
	}
	return restart, nil
}

// checkKinds refuses a sink whose name one of the other kind has or had: the figures of both
// would be published, under one name.
func (s *Server) checkKinds(cfg *Config) error {
	outlets, recordings := map[string]string{}, map[string]string{} // addresses by name
	for _, o := range slices.Concat(s.currentOutlets(), s.retired) {
		outlets[o.name] = o.wanted.Address
	}
	for _, r := range slices.Concat(s.recordings.running, s.recordings.removed) {
		recordings[r.Name] = r.Address
	}
	for _, n := range cfg.Sinks {
		if was, there := recordings[n.Name]; there {
			return changedKind(n.Name, was, n.Address)
		}
	}
	for _, n := range cfg.Recorders {
		if was, there := outlets[n.Name]; there {
			return changedKind(n.Name, was, n.Address)
		}
	}
	return nil
}

func changedKind(name, was, is string) error {
	return fmt.Errorf("sink %s: was %s until now, and its figures cannot go on as those of %s; give the new one a name of its own, or restart", name, was, is)
}

// adopt takes a configuration over. It is for the flush loop.
func (s *Server) adopt(cfg *Config, p *plan) {
	to, before := &s.cfg, s.cfg
	to.Layout, to.MetadataPrefix = cfg.Layout, cfg.MetadataPrefix
	to.Expire, to.GaugeExpire = cfg.Expire, cfg.GaugeExpire
	to.MaxNames, to.MaxNameLength = cfg.MaxNames, cfg.MaxNameLength
	to.MaxSetMembers, to.MaxTimerSamples = cfg.MaxSetMembers, cfg.MaxTimerSamples
	to.MaxTCPConnections, to.TCPIdleTimeout, to.TCPLineTimeout = cfg.MaxTCPConnections, cfg.TCPIdleTimeout, cfg.TCPLineTimeout
	to.Recorders = cfg.Recorders
	to.Sinks, to.QueueBytes, to.SpoolAfter, to.ReplayRate = cfg.Sinks, cfg.QueueBytes, cfg.SpoolAfter, cfg.ReplayRate
	to.Alerts, to.AlertInterval, to.Notifiers = cfg.Alerts, cfg.AlertInterval, cfg.Notifiers
	to.Grace = cfg.Grace

	s.flushes.layout = to.layout()
	s.table.SetLimits(to.limits())
	clear(s.warned)
	if to.MaxTCPConnections != before.MaxTCPConnections || to.TCPIdleTimeout != before.TCPIdleTimeout || to.TCPLineTimeout != before.TCPLineTimeout {
		s.streams.follow(to)
	}
	s.alerts.follow(to)
	s.changeWatch(cfg)
	s.changeOutlets(p)
}

// fixed is a setting that only a start can change.
type fixed struct {
	flag  string
	field any // points to it
}

// keepFixed sets what only a start can change to what is running, and returns
// the flags of what was different.
func (c *Config) keepFixed(running *Config) (flags []string) {
	wanted := c.fixed()
	for i, is := range running.fixed() {
		from, to := reflect.ValueOf(is.field).Elem(), reflect.ValueOf(wanted[i].field).Elem()
		if !reflect.DeepEqual(from.Interface(), to.Interface()) {
			flags = append(flags, is.flag)
			to.Set(from)
		}
	}
	return flags
}

func (c *Config) fixed() []fixed {
	return []fixed{
		{"--name", &c.Host},
		{"--port", &c.Port},
		{"--receivers", &c.Receivers},
		{"--udp-buffer", &c.UDPBuffer},
		{"--discard-senders", &c.DiscardSenders},
		{"--dialect", &c.Dialect},
		{"--gauge-signs", &c.AbsoluteSigns},
		{"--tags", &c.Tags},
		{"--flush-interval", &c.FlushInterval},
		{"--state-file", &c.StateFile},
		{"--spool-dir", &c.SpoolDir},
		{"--spool-max-bytes", &c.SpoolMaxBytes},
		{"--spool-fsync", &c.SpoolFsync},
		{"--monitor-host", &c.MonitorHost},
		{"--monitor-port", &c.MonitorPort},
		{"--keep-values", &c.KeepValues},
		{"--admin", &c.Admin},
		{"--admin-health", &c.AdminDown},
		{"--pipe-dir", &c.PipeDir},
		{"--pipe-prefix", &c.PipePrefix},
		{"--pipe-counters", &c.PipeCounters},
		{"--pipe-timeout", &c.PipeTimeout},
	}
}

// limits are those of the table.
func (c *Config) limits() aggregate.Config {
	expire := uint32(c.Expire)
	gauges := uint32(min(int64(c.GaugeExpire/c.FlushInterval), mostFlushes))
	return aggregate.Config{
		MaxNames:      c.MaxNames,
		MaxNameLength: c.MaxNameLength,
		MaxSetMembers: c.MaxSetMembers,

		MaxTimerSamples: c.MaxTimerSamples,

		Tagged: c.tagged(),

		Expire: [metric.Kinds]uint32{
			metric.Counter: expire, metric.Timer: expire, metric.Set: expire, metric.Gauge: gauges,
		},
		Dialect: c.Dialect,
	}
}

func (c *Config) layout() aggregate.Layout {
	l := c.Layout
	l.Interval = c.FlushInterval
	return l
}

// changeWatch begins or ends to log what goes through.
func (s *Server) changeWatch(cfg *Config) {
	if s.cfg.Debug == cfg.Debug && s.cfg.DebugMetric == cfg.DebugMetric {
		return
	}
	s.cfg.Debug, s.cfg.DebugMetric = cfg.Debug, cfg.DebugMetric
	before := s.watch
	s.watch = newWatch(&s.cfg)
	for _, l := range s.lanes {
		l.shard.Lock()
		l.watch = s.watch
		l.shard.Unlock()
	}
	s.unwatched += before.missed()
	before.end()
	s.startWatch()
}
