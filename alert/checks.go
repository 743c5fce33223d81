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

// checking checks the daemon's health regularly, and informs notifiers about the results. It does not change
// the daemon's health.
type checking struct {
	changed chan struct{} // signals a changed configuration

	failing map[string]streak // the failing sinks, by name
	logged  notify.Status     // the last status that was logged
	told    []notify.Status   // the last status that each notifier has accepted
}

// streak is the number of consecutive checks in which a sink was failing, and when it started to
// fail.
type streak struct {
	since time.Time
	looks int
}

const (
	// A sink must be failing in this many consecutive checks before the status is critical.
	criticalLooks = 3
	notifyTimeout = 10 * time.Second
)

// Check checks the daemon's health once in each interval until ctx ends, and informs the notifiers.
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

// keepTold keeps the last accepted status of each notifier that a reload has not removed.
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

// look converts the daemon's health to a status of Nagios and a text.
func (c *checking) look(h meta.Health, sinks []meta.SinkFacts) (notify.Status, string) {
	c.countLooks(h)
	switch h.State {
	case meta.Failing:
		critical := slices.ContainsFunc(h.Reasons, func(r meta.Reason) bool {
			// A sink that fails only briefly is not critical, because it may just have been restarted.
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
	if texts == nil { // no sink sends points: each sink is a sink.Recorder, or there is no sink
		return status, "nothing is wrong"
	}
	return status, strings.Join(texts, "; ")
}

// countLooks counts, for each failing sink, the consecutive checks in which it was failing.
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

// logStatus logs the status if it has changed.
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

// notify sends an event to the notifiers in parallel, and waits for the results. It skips a notifier that has already
// accepted this status, unless the notifier wants every check. If a notifier fails, it gets the result of the next
// check too.
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
