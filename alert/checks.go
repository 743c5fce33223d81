package alert

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify"
)

// checking checks the health at each interval, and tells notifiers the result. It only reads the health.
type checking struct {
	changed chan struct{} // signals new settings

	failing map[string]streak // failing sinks, by name
	logged  notify.Status     // the last status logged
	told    []notify.Status   // the last status that each notifier accepted
}

// streak counts the consecutive checks at which a sink was failing.
type streak struct {
	since time.Time
	looks int
}

const (
	// A failing sink is critical from this check on.
	criticalLooks = 3
	notifyTimeout = 10 * time.Second
)

// Check checks the health at each interval until ctx ends, and tells the notifiers.
func (a *Alerts) Check(ctx context.Context, health func() (meta.Health, []meta.SinkFacts)) {
	set, c := &following{}, &a.checking
	var ticks <-chan time.Time
	for {
		select {
		case <-c.changed:
			before := set
			set = a.audience.Load()
			a.keepTold(before.Notifiers, set.Notifiers)
			if !set.Alerts {
				a.results.forget(set.Notifiers)
			}
			if set.Alerts == before.Alerts && set.AlertInterval == before.AlertInterval {
				continue
			}
			ticks = nil
			if set.Alerts {
				ticks = time.Tick(set.AlertInterval)
			}
		case <-ticks:
			status, text := c.look(health())
			a.logStatus(status, text)
			a.notify(ctx, set.Notifiers, notify.Event{Status: status, Service: set.service, Text: text, Time: time.Now()})
		case <-ctx.Done():
			return
		}
	}
}

// keepTold keeps, after a reload, the state of the notifiers that stay.
func (a *Alerts) keepTold(before, now []Notifier) {
	told := make([]notify.Status, len(now))
	for i, n := range now {
		was := slices.IndexFunc(before, func(b Notifier) bool { return b.Name == n.Name })
		if was >= 0 {
			told[i] = a.checking.told[was]
		}
	}
	a.checking.told = told
	a.results.forget(slices.DeleteFunc(slices.Clone(before), func(b Notifier) bool {
		return slices.ContainsFunc(now, func(n Notifier) bool { return n.Name == b.Name })
	}))
}

// look translates the health into a status of Nagios and a text.
func (c *checking) look(h meta.Health, sinks []meta.SinkFacts) (notify.Status, string) {
	c.countLooks(h)
	switch h.State {
	case meta.Failing:
		critical := slices.ContainsFunc(h.Reasons, func(r meta.Reason) bool {
			// A sink may be away briefly, for example during a restart.
			return r.State == meta.Failing && (r.ID != meta.SinkFailing || c.failing[r.Subject].looks >= criticalLooks)
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

// countLooks counts the consecutive checks for each failing sink.
func (c *checking) countLooks(h meta.Health) {
	before := c.failing
	c.failing = map[string]streak{}
	for _, r := range h.Reasons {
		if r.ID != meta.SinkFailing || r.State == meta.OK {
			continue
		}
		s := streak{since: r.Since, looks: 1}
		if before[r.Subject].since.Equal(r.Since) {
			s.looks += before[r.Subject].looks
		}
		c.failing[r.Subject] = s
	}
}

// logStatus logs a change of status.
func (a *Alerts) logStatus(status notify.Status, text string) {
	if status == a.checking.logged {
		return
	}
	a.checking.logged = status
	level := zerolog.ErrorLevel
	if status != notify.Critical {
		level = zerolog.WarnLevel
	}
	a.Log.WithLevel(level).Stringer("status", status).Msg("alert: " + text)
}

// notify sends e to the notifiers that want it, in parallel, and waits for them. A notification that failed
// is repeated at the next check.
func (a *Alerts) notify(ctx context.Context, notifiers []Notifier, e notify.Event) {
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	var notifying sync.WaitGroup
	for i, n := range notifiers {
		if !n.EveryLook && a.checking.told[i] == e.Status {
			continue
		}
		notifying.Go(func() {
			err := n.Notifier.Notify(ctx, e)
			a.results.note(n.Name, err)
			a.results.count(n.Name, err == nil)
			a.episodes.NoteLook(n.Name, time.Now(), err)
			if err != nil {
				a.Log.Error().Err(err).Str("notifier", n.Name).Msg("notifying failed; trying again at the next check")
				return
			}
			a.checking.told[i] = e.Status
		})
	}
	notifying.Wait()
}
