// Package alert informs people about the daemon's health. It does not decide whether the daemon is healthy.
//
//	a := alert.New(config)
//	a.Follow(service, audience)   // at the start and at each reload
//	go a.Check(ctx, health)       // informs the notifiers: about each check, or only about changes
//	a.Observe(ctx, health)        // informs the channels when problems begin, change and end; once a second
//	a.End()
//
// A notifier gets the whole health as one status. If a notification fails, the notifier gets the result of the next
// check. A channel gets a message about each episode, which is the time from the start to the end of a problem. The
// channel's relay repeats a message until the channel accepts it. A file stores the episodes, and the receivers that
// were informed about them, so that both survive a restart.
package alert

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/notify"
)

// Audience is the set of receivers of alerts, with the time between two health checks. A reload can
// change these settings.
type Audience struct {
	// Alerts turns on regular health checks, whose results go to the log and to the notifiers.
	Alerts bool
	// AlertInterval is the time between two health checks, by default 60 s.
	AlertInterval time.Duration
	// Notifiers are informed about the results of health checks.
	Notifiers []Notifier
	// Channels are informed about each episode, even if Alerts is false. An episode is
	// the time from the start to the end of a problem.
	Channels []Channel
}

// Validate returns an error if a setting is not valid. The error names the flag of the setting.
func (a *Audience) Validate() error {
	if a.AlertInterval < 10*time.Millisecond {
		return metric.FlagErrorf("--alert-interval", a.AlertInterval, "must be at least 10ms")
	}
	return nil
}

// Channel is a receiver of messages about episodes. Its name is used in the log and in the daemon's own metrics.
type Channel struct {
	Name     string
	Receiver notify.Receiver
	Config   any // configuration of the Receiver; if Config has changed, a reload replaces the Receiver
}

// Notifier is a notify.Notifier with a name. The name is used in the log and in the daemon's own metrics.
type Notifier struct {
	Name     string
	Notifier notify.Notifier
	// EveryLook means that the notifier gets the result of each check. It is for receivers that report
	// a missing result as an error. Other notifiers get only changes.
	EveryLook bool
}

// Config configures Alerts.
type Config struct {
	Host string // name and port of the daemon
	// StateFile is the state file of the daemon, or "". The episodes are saved in another file in the
	// same directory.
	StateFile string
	// Patience is the time after a restart in which an episode from before the restart stays open,
	// even if its problem is not found. A problem that continues is found within this time.
	Patience time.Duration
	Log      zerolog.Logger
}

// Alerts informs people about the daemon's health. New creates it.
type Alerts struct {
	Config
	page     string // address of the live page; "" without a monitor
	episodes *meta.Episodes
	history  historyFile
	results  results
	audience atomic.Pointer[following]

	checking checking

	adopted  *following // the audience whose channels run now; only the goroutine that calls Observe uses this field
	running  sync.WaitGroup
	mu       sync.Mutex // guards the field channels
	channels []*channel
}

// following is an Audience, with the name of the service for messages.
type following struct {
	Audience
	service string
}

// New returns Alerts without receivers. It loads the episodes that an earlier daemon has saved.
func New(cfg Config) *Alerts {
	a := &Alerts{Config: cfg, episodes: meta.NewEpisodes(cfg.Host)}
	a.checking.changed = make(chan struct{}, 1)
	a.results.counts = map[string]Tally{}
	a.history.open(cfg.StateFile, cfg.Log)
	now := time.Now()
	a.history.load(a.episodes, now, now.Add(cfg.Patience))
	return a
}

// Show sets the address of the live page, which messages contain. Call it before Check and Observe.
func (a *Alerts) Show(page string) { a.page = page }

// Follow sets the receivers, from the next check on. Messages contain the name of the service,
// which is the parameter service.
func (a *Alerts) Follow(service string, set Audience) {
	a.audience.Store(&following{set, service})
	select {
	case a.checking.changed <- struct{}{}:
	default:
	}
}

// Episodes returns the open and the ended episodes. Each of them contains the receivers that were
// informed about it.
func (a *Alerts) Episodes() *meta.Episodes { return a.episodes }

// Untold returns the receivers whose last message failed.
func (a *Alerts) Untold() []meta.Fault { return a.results.untold() }

// Tallies returns the counts of messages, by the name of the receiver.
func (a *Alerts) Tallies() map[string]Tally { return a.results.tallies() }

// Waiting returns the number of waiting messages, by the name of the channel.
func (a *Alerts) Waiting() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make(map[string]int, len(a.channels))
	for _, c := range a.channels {
		all[c.Name] = c.Waiting()
	}
	return all
}
