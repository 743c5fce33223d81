package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify"
)

// alerts looks at the outlets every so often, compares with its own last look,
// and tells the notifiers. It resets nothing that others read.
type alerts struct {
	sent, errors atomic.Uint64

	settings atomic.Pointer[alertSettings]
	changed  chan struct{} // has one when the settings are new

	looks  map[string]look // by the name of the sink
	logged notify.Status   // what the log was last told
	told   []notify.Status // what each notifier was last told
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

// look is what a look keeps of one outlet for the next.
type look struct {
	errors, dropped uint64
	failing         int // looks in a row at which it was failing
}

const (
	// criticalLooks is how many looks in a row a sink may fail before it is
	// critical.
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
			if set.on == before.on && set.interval == before.interval {
				continue
			}
			ticks = nil
			if set.on {
				ticks = time.Tick(set.interval)
			}
		case <-ticks:
			status, text := s.alerts.look(s.out.States())
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
}

// look says how the sinks are doing, all together.
func (a *alerts) look(sinks []delivery.State) (notify.Status, string) {
	worst := notify.OK
	var texts []string
	before := a.looks
	a.looks = map[string]look{}
	for i := range sinks {
		st := &sinks[i]
		if st.Removed || st.Recorder != nil {
			continue
		}
		l := before[st.Name]
		status, text := l.sink(st)
		a.looks[st.Name] = l
		if severity(status) > severity(worst) {
			worst = status
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return notify.Unknown, "no sink is configured, nothing is published"
	}
	return worst, strings.Join(texts, "; ")
}

// severity orders the states: what is not known is better than what is known
// to be wrong.
func severity(s notify.Status) int {
	return map[notify.Status]int{notify.OK: 0, notify.Unknown: 1, notify.Warning: 2, notify.Critical: 3}[s]
}

// sink compares a sink's state with the state at the last look.
func (l *look) sink(st *delivery.State) (notify.Status, string) {
	errs := st.Attempts.Socket + st.Attempts.Unknown
	newErrors, newDropped := errs-l.errors, st.Dropped-l.dropped
	failing := 0
	if st.Failing {
		failing = l.failing + 1
	}
	*l = look{errors: errs, dropped: st.Dropped, failing: failing}

	published := "nothing published yet"
	if !st.Published.IsZero() {
		published = "last published " + st.Published.UTC().Format(time.RFC3339)
	}
	why := ""
	if st.LastError != nil {
		// Errors may quote what came from outside; notifiers get plain text.
		why = ": " + meta.Escape([]byte(st.LastError.Error()))
	}
	switch {
	case st.Failing:
		text := fmt.Sprintf("sink %s failing since %s, %d errors since the last look, %d points wait, %d dropped, %s%s",
			st.Name, st.FailingSince.UTC().Format(time.RFC3339), newErrors, st.Waiting(), newDropped, published, why)
		if failing >= criticalLooks || newDropped > 0 {
			return notify.Critical, text
		}
		return notify.Warning, text
	case newDropped > 0:
		return notify.Critical, fmt.Sprintf("sink %s dropped %d points since the last look, %s%s", st.Name, newDropped, published, why)
	case newErrors > 0:
		return notify.Warning, fmt.Sprintf("sink %s works again after %d errors since the last look, %s%s", st.Name, newErrors, published, why)
	case st.Published.IsZero():
		return notify.Unknown, fmt.Sprintf("sink %s: %s", st.Name, published)
	}
	return notify.OK, fmt.Sprintf("sink %s: %s, %d points in all", st.Name, published, st.Delivered)
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
			if err := n.Notifier.Notify(ctx, e); err != nil {
				s.alerts.errors.Add(1)
				s.log.Error().Err(err).Str("notifier", n.Name).Msg("notifying failed; trying again at the next look")
				return
			}
			s.alerts.sent.Add(1)
			s.alerts.told[i] = e.Status
		})
	}
	telling.Wait()
}
