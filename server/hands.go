package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/operator"
)

// asked holds what the monitor needs for the questions and changes of operators.
type asked struct {
	guard  *access.Guard
	trail  access.Trail
	events *operator.Events
	hands  *operator.Hands
}

// openAsked makes the parts of an asked. Only New calls it.
func (s *Server) openAsked() {
	a := &s.asked
	a.guard = access.NewGuard(s.cfg.MonitorTokens)
	a.trail.Tell = s.logAudit
	a.events = operator.NewEvents(s.started)
	a.hands = operator.NewHands(operator.Acts{
		OnLoop: s.onLoop,
		Flush:  s.flushNow,
		Reload: s.cfg.Reread,
		Trace:  s.in.Trace,
		Delete: administered{s}.Delete,
	})
}

// certificate reads the certificate of the monitor; nil without one.
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

// logAudit logs a change that was asked for. It is a warning, because --quiet must not hide it.
func (s *Server) logAudit(a question.Audit) {
	s.log.Warn().Str("who", a.Who).Str("address", a.Address).Str("change", a.Change).
		Str("args", a.Args).Str("result", a.Result).Msg("audit")
}

// warnOfMonitor warns if the monitor is open to more machines or people than the operator may think.
func (s *Server) warnOfMonitor() {
	if s.monitor == nil || !s.asked.guard.Open() {
		return
	}
	switch {
	case !s.asked.guard.HasTokens():
		s.log.Warn().Stringer("monitor", s.monitor.Addr()).
			Msg("the monitor is open to other machines without tokens: everyone who can reach it sees figures, names and values (set --monitor-tokens)")
	case s.cfg.MonitorCert == "":
		s.log.Warn().Stringer("monitor", s.monitor.Addr()).
			Msg("the tokens of the monitor travel in plain text: everyone on the way can read and use them (set --monitor-cert and --monitor-key)")
	}
}

// flushNow flushes before the boundary is due, with its time. The boundary is then skipped, so each
// interval has one flush.
func (s *Server) flushNow(ctx context.Context) (done question.Flushed, err error) {
	f := &s.flushes
	flush := func() {
		start := time.Now()
		at := f.schedule.last(start.UnixNano())
		if f.schedule.holding(at) != nil {
			err = &question.Error{
				Code: question.Busy, After: time.Until(time.Unix(0, at)),
				Text: fmt.Sprintf("the running interval was flushed already; a flush is possible again at %s", time.Unix(0, at).UTC().Format(time.TimeOnly)),
			}
			return
		}
		s.in.Settle(start)
		f.early = at
		s.flush(at)
		done = question.Flushed{Number: f.count, At: time.Unix(0, at)}
	}
	if failed := s.loop.do(ctx, flush); failed != nil {
		return done, failed
	}
	return done, err
}

// end returns the boundary for the last flush.
func (f *flushes) end(now int64) int64 {
	at := f.schedule.last(now)
	if at == f.early { // its points would replace the ones of the early flush
		at += f.schedule.interval
	}
	return at
}

// addAPI adds what the JSON API of a monitor refused, if there is one.
func (l *figureList) addAPI(m *meta.Monitor) {
	if m == nil {
		return
	}
	c := m.API()
	l.count("api.limited", c.Limited)
	l.count("api.streams_refused", c.StreamsRefused)
	l.count("api.streams_cut", c.StreamsCut)
}
