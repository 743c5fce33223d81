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

// alerts looks at the health every so often and tells the notifiers. It resets
// nothing that others read.
type alerts struct {
	settings atomic.Pointer[alertSettings]
	changed  chan struct{} // has one when the settings are new

	failing map[string]streak // of sinks, by name
	logged  notify.Status     // what the log was last told
	told    []notify.Status   // what each notifier was last told

	mu     sync.Mutex
	faults []meta.Fault     // the notifiers that did not take their last message
	counts map[string]tally // by notifier
}

// tally counts messages to a notifier, since the start.
type tally struct{ sent, errors uint64 }

// streak counts the looks in a row at which a sink was failing.
type streak struct {
	since time.Time
	looks int
}

// alertSettings are those of a Config.
type alertSettings struct {
	on        bool
	interval  time.Duration
	service   string
	notifiers []NamedNotifier
}

// follow makes the alert loop go by cfg.
func (a *alerts) follow(cfg *Config) {
	a.settings.Store(&alertSettings{cfg.Alerts, cfg.AlertInterval, cfg.MetadataPrefix, cfg.Notifiers})
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

const (
	// criticalLooks is at which look in a row a failing sink is critical.
	criticalLooks = 3
	notifyTimeout = 10 * time.Second
)

// alertLoop looks until ctx ends.
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

// keepTold takes over what those notifiers were told that stay.
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

// look says in the words of Nagios what the health is.
func (a *alerts) look(h meta.Health, sinks []meta.SinkFacts) (notify.Status, string) {
	a.countLooks(h)
	switch h.State {
	case meta.Failing:
		critical := slices.ContainsFunc(h.Reasons, func(r meta.Reason) bool {
			// A sink may be away for a while, for a restart say.
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
	if texts == nil { // there are recorders only
		return status, "nothing is wrong"
	}
	return status, strings.Join(texts, "; ")
}

// countLooks counts for how many looks each sink has been failing.
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

// untold returns the notifiers that did not take their last message.
func (a *alerts) untold() []meta.Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.faults)
}

// forget drops the faults of notifiers that are not told any more.
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

// tallies returns the counts of each notifier that was told anything.
func (a *alerts) tallies() map[string]tally {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.counts)
}

// note keeps whether a notifier took its last message: err is nil if it did.
func (a *alerts) note(notifier string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = slices.DeleteFunc(a.faults, func(f meta.Fault) bool { return f.Name == notifier })
	if err != nil {
		a.faults = append(a.faults, meta.Fault{Name: notifier, Text: err.Error()})
	}
}

// logStatus logs a change.
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

// tell tells all notifiers that should hear of e, side by side, and waits for
// them. One that failed is told at the next look.
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
				s.log.Error().Err(err).Str("notifier", n.Name).Msg("notifying failed; trying again at the next look")
				return
			}
			s.alerts.told[i] = e.Status
		})
	}
	telling.Wait()
}
