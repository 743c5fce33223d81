package server

import (
	"errors"
	"log"
	"net"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/memory"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/operator"
)

// openAsked creates the parts that answer operators' queries and make the changes that operators
// request. Only New calls it.
func (s *Server) openAsked() {
	s.guard = access.NewGuard(s.cfg.MonitorTokens)
	s.trail.Tell = s.logAudit
	s.events = operator.NewEvents(s.started)
	s.hands = operator.NewHands(operator.Acts{
		OnLoop: s.onLoop,
		Flush:  s.flushNow,
		Reload: s.cfg.Reread,
		Trace:  s.in.Trace,
		Delete: administered{s}.Delete,
	})
}

// certificate reads the certificate of the monitor. It returns nil if none is configured.
func (c *Config) certificate() (*httpgate.Certificate, error) {
	if c.MonitorCert == "" {
		return nil, nil
	}
	cert, err := httpgate.ReadCertificate(c.MonitorCert, c.MonitorKey)
	if bad, ok := errors.AsType[*certs.Error](err); ok {
		return nil, metric.FlagErrorf("--monitor-"+bad.Setting, nil, "%w", bad.Err)
	}
	return cert, err
}

// logAudit logs a change that an operator requested. The log line is a warning, so --quiet does not
// hide it.
func (s *Server) logAudit(a question.Audit) {
	s.log.Warn().Str("who", a.Who).Str("address", a.Address).Str("change", a.Change).
		Str("args", a.Args).Str("result", a.Result).Msg("audit")
}

// warnOfMonitor logs a warning if other machines can reach the monitor without tokens, or if tokens
// are sent without encryption.
func (s *Server) warnOfMonitor() {
	if s.monitor == nil || !s.guard.Open() {
		return
	}
	switch {
	case !s.guard.HasTokens():
		s.log.Warn().Stringer("monitor", s.monitor.Addr()).
			Msg("other machines can reach the monitor, and the monitor has no tokens: everyone who can reach it sees figures, names and values (set --monitor-tokens)")
	case s.cfg.MonitorCert == "":
		s.log.Warn().Stringer("monitor", s.monitor.Addr()).
			Msg("the tokens of the monitor are sent unencrypted: anyone who can read the network traffic can use them (set --monitor-cert and --monitor-key)")
	}
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
	desk := s.desk()
	m, err := meta.NewMonitor(meta.MonitorConfig{
		Host:      s.cfg.MonitorHost,
		Port:      s.cfg.MonitorPort,
		Version:   s.cfg.Version,
		OwnPrefix: own,
		Questions: desk.Questions(),
		Names:     desk.WriteNames,
		Changes:   s.hands.Changes(),
		Guard:     s.guard,
		Trail:     &s.trail,
		Stamp:     s.events.Stamp,
		Events:    s.events,
		Episodes:  s.alerts.Episodes(),

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
	s.page = scheme + net.JoinHostPort(s.hostname(), strconv.Itoa(m.Addr().(*net.TCPAddr).Port)) + "/"
	return nil
}

// errorLog logs each write to it as an error.
type errorLog struct{ zerolog.Logger }

func (l errorLog) Write(line []byte) (int, error) {
	l.Error().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}

// desk creates the part that answers the operator's queries.
func (s *Server) desk() *operator.Desk {
	return operator.New(operator.Sources{
		Host:     s.host,
		Version:  s.cfg.Version,
		Started:  s.started,
		Interval: s.cfg.FlushInterval,
		Daemon:   s,
		Episodes: s.alerts.Episodes(),
		Values:   s.values,
		Past:     s.past,
		Probes:   s.in,
		Peers:    s.in.Peers,
		Config:   s.cfg.Described,
		Resident: memory.Resident,
		OnLoop:   s.onLoop,
		Mutes:    s.hands.Muted,
		Draining: s.hands.Draining,
		Audit:    s.trail.Last,
		Flushed:  s.lastFlush,
		Sinks:    func() []delivery.State { return s.out.States() },
		Cluster:  func() *question.Cluster { return s.member.Answer(s.out.States()) },
	})
}
