package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify"
)

// alerts checks the health at each alert interval and reports it to the notifiers. It only reads the
// health.
type alerts struct {
	settings atomic.Pointer[alertSettings]
	changed  chan struct{} // signals new settings

	failing map[string]streak // failing sinks, by name
	logged  notify.Status     // the last status logged
	told    []notify.Status   // the last status that each notifier took

	mu     sync.Mutex
	faults []meta.Fault     // the notifiers whose last message failed
	counts map[string]tally // by notifier
}

// tally counts messages to a notifier, since the start.
type tally struct{ sent, errors uint64 }

// streak counts the consecutive checks at which a sink was failing.
type streak struct {
	since time.Time
	looks int
}

// alertSettings are the part of a Config that the alert loop uses.
type alertSettings struct {
	on        bool
	interval  time.Duration
	service   string
	notifiers []NamedNotifier
}

// follow gives the alert loop new settings.
func (a *alerts) follow(cfg *Config) {
	a.settings.Store(&alertSettings{cfg.Alerts, cfg.AlertInterval, cfg.MetadataPrefix, cfg.Notifiers})
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

const (
	// A failing sink is critical from this check on.
	criticalLooks = 3
	notifyTimeout = 10 * time.Second
)

// alertLoop checks the health at each alert interval until ctx ends.
func (s *Server) alertLoop(ctx context.Context) {
	set := &alertSettings{}
	var ticks <-chan time.Time
	for {
		select {
		case <-s.alerts.changed:
			before := set
			set = s.alerts.settings.Load()
			s.alerts.keepTold(before.notifiers, set.notifiers)
			if !set.on {
				s.alerts.forget(set.notifiers)
			}
			if set.on == before.on && set.interval == before.interval {
				continue
			}
			ticks = nil
			if set.on {
				ticks = time.Tick(set.interval)
			}
		case <-ticks:
			status, text := s.alerts.look(s.Health(), s.sinkFacts())
			s.logStatus(status, text)
			s.tell(ctx, set.notifiers, notify.Event{Status: status, Service: set.service, Text: text, Time: time.Now()})
		case <-ctx.Done():
			return
		}
	}
}

// keepTold keeps the state of notifiers that stay after a reload.
func (a *alerts) keepTold(before, now []NamedNotifier) {
	told := make([]notify.Status, len(now))
	for i, n := range now {
		was := slices.IndexFunc(before, func(b NamedNotifier) bool { return b.Name == n.Name })
		if was >= 0 {
			told[i] = a.told[was]
		}
	}
	a.told = told
	a.forget(slices.DeleteFunc(slices.Clone(before), func(b NamedNotifier) bool {
		return slices.ContainsFunc(now, func(n NamedNotifier) bool { return n.Name == b.Name })
	}))
}

// look translates the health into a Nagios status and a text.
func (a *alerts) look(h meta.Health, sinks []meta.SinkFacts) (notify.Status, string) {
	a.countLooks(h)
	switch h.State {
	case meta.Failing:
		critical := slices.ContainsFunc(h.Reasons, func(r meta.Reason) bool {
			// A sink may be away briefly, for example during a restart.
			return r.State == meta.Failing && (r.ID != meta.SinkFailing || a.failing[r.Subject].looks >= criticalLooks)
		})
		if !critical {
			return notify.Warning, h.Text()
		}
		return notify.Critical, h.Text()
	case meta.Degraded:
		return notify.Warning, h.Text()
	}
	status := notify.OK
	var texts []string
	for i := range sinks {
		s := &sinks[i]
		if s.Recorder {
			continue
		}
		if s.Accepted.IsZero() {
			status = notify.Unknown
			texts = append(texts, fmt.Sprintf("sink %s: nothing published yet", s.Name))
			continue
		}
		texts = append(texts, fmt.Sprintf("sink %s: last published %s, %d points in all", s.Name, s.Accepted.UTC().Format(time.RFC3339), s.Delivered))
	}
	if texts == nil { // only recorders are configured
		return status, "nothing is wrong"
	}
	return status, strings.Join(texts, "; ")
}

// countLooks counts, for each failing sink, the consecutive checks.
func (a *alerts) countLooks(h meta.Health) {
	before := a.failing
	a.failing = map[string]streak{}
	for _, r := range h.Reasons {
		if r.ID != meta.SinkFailing || r.State == meta.OK {
			continue
		}
		s := streak{since: r.Since, looks: 1}
		if before[r.Subject].since.Equal(r.Since) {
			s.looks += before[r.Subject].looks
		}
		a.failing[r.Subject] = s
	}
}

// untold returns the notifiers whose last message failed.
func (a *alerts) untold() []meta.Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.faults)
}

// forget drops the faults of notifiers that no longer exist.
func (a *alerts) forget(notifiers []NamedNotifier) {
	for _, n := range notifiers {
		a.note(n.Name, nil)
	}
}

// count counts a message that a notifier took or did not take.
func (a *alerts) count(notifier string, sent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counts[notifier]
	if sent {
		c.sent++
	} else {
		c.errors++
	}
	a.counts[notifier] = c
}

// tallies returns the counts of each notifier that got a message.
func (a *alerts) tallies() map[string]tally {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.counts)
}

// note records whether a notifier took its last message: err is nil if it did.
func (a *alerts) note(notifier string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = slices.DeleteFunc(a.faults, func(f meta.Fault) bool { return f.Name == notifier })
	if err != nil {
		a.faults = append(a.faults, meta.Fault{Name: notifier, Text: err.Error()})
	}
}

// logStatus logs a change of status.
func (s *Server) logStatus(status notify.Status, text string) {
	if status == s.alerts.logged {
		return
	}
	s.alerts.logged = status
	level := zerolog.ErrorLevel
	if status != notify.Critical {
		level = zerolog.WarnLevel
	}
	s.log.WithLevel(level).Stringer("status", status).Msg("alert: " + text)
}

// tell sends e to the notifiers that want it, in parallel, and waits for them. A notifier that failed
// is tried again at the next check.
func (s *Server) tell(ctx context.Context, notifiers []NamedNotifier, e notify.Event) {
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	var telling sync.WaitGroup
	for i, n := range notifiers {
		if !n.EveryLook && s.alerts.told[i] == e.Status {
			continue
		}
		telling.Go(func() {
			err := n.Notifier.Notify(ctx, e)
			s.alerts.note(n.Name, err)
			s.alerts.count(n.Name, err == nil)
			s.telling.episodes.NoteLook(n.Name, time.Now(), err)
			if err != nil {
				s.log.Error().Err(err).Str("notifier", n.Name).Msg("notifying failed; trying again at the next check")
				return
			}
			s.alerts.told[i] = e.Status
		})
	}
	telling.Wait()
}
