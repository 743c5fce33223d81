// Package alert tells people about the daemon's health. It does not judge the health.
//
//	a := alert.New(config)
//	a.Follow(service, audience)   // at the start and at each reload
//	go a.Check(ctx, health)       // notifiers: the result of each check, or the changes
//	a.Observe(ctx, health)        // channels: begins, changes and ends of episodes; once a second
//	a.End()
//
// A notifier gets the whole health as one status. A failed notification is repeated at the next check. A
// channel gets a message for each episode, and its relay repeats the message until the channel takes it. A
// file keeps the episodes, and which receivers were told, over a restart.
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

// Audience is the set of receivers, and how often they are told. A reload can change it.
type Audience struct {
	// Alerts turns on health checks, which report to the log and the notifiers.
	Alerts bool
	// AlertInterval is the time between two health checks, by default 60 s.
	AlertInterval time.Duration
	// Notifiers receive the alerts.
	Notifiers []Notifier
	// Channels are told about each episode of the health, even without Alerts.
	Channels []Channel
}

// Validate returns an error that names the flag at fault.
func (a *Audience) Validate() error {
	if a.AlertInterval < 10*time.Millisecond {
		return metric.FlagErrorf("--alert-interval", a.AlertInterval, "must be at least 10ms")
	}
	return nil
}

// Channel is a receiver of episodes, and its name in the log and in figures.
type Channel struct {
	Name     string
	Receiver notify.Receiver
	Config   any // the configuration of the receiver: a reload compares it
}

// Notifier is a notifier with its name for the log.
type Notifier struct {
	Name     string
	Notifier notify.Notifier
	// EveryLook sends the result of each check, for receivers that check freshness. Without it only changes
	// are sent.
	EveryLook bool
}

// Config configures Alerts.
type Config struct {
	Host string // name of the daemon, with the port
	// StateFile is the state file of the daemon, or "". The episodes are kept beside it.
	StateFile string
	// Patience is how long after a restart a reason may take to appear again.
	Patience time.Duration
	Log      zerolog.Logger
}

// Alerts tells people about the health. Make it with New.
type Alerts struct {
	Config
	page     string // the address of the status page, "" without one
	episodes *meta.Episodes
	history  historyFile
	results  results
	audience atomic.Pointer[following]

	checking checking

	adopted  *following // used by Observe only
	running  sync.WaitGroup
	mu       sync.Mutex // guards channels
	channels []*channel
}

// following is the newest Audience.
type following struct {
	Audience
	service string
}

// New returns Alerts without receivers, with the episodes of an earlier daemon.
func New(cfg Config) *Alerts {
	a := &Alerts{Config: cfg, episodes: meta.NewEpisodes(cfg.Host)}
	a.checking.changed = make(chan struct{}, 1)
	a.results.counts = map[string]Tally{}
	a.history.open(cfg.StateFile, cfg.Log)
	a.history.load(a.episodes, time.Now().Add(cfg.Patience))
	return a
}

// Show sets the address of the status page that messages name. Call it before Check and Observe.
func (a *Alerts) Show(page string) { a.page = page }

// Follow applies an audience from the next check on. Messages name service.
func (a *Alerts) Follow(service string, set Audience) {
	a.audience.Store(&following{set, service})
	select {
	case a.checking.changed <- struct{}{}:
	default:
	}
}

// Episodes returns the episodes, and which receivers were told about them.
func (a *Alerts) Episodes() *meta.Episodes { return a.episodes }

// Untold returns the receivers whose last message failed.
func (a *Alerts) Untold() []meta.Fault { return a.results.untold() }

// Tallies returns the counts of each receiver that got a message.
func (a *Alerts) Tallies() map[string]Tally { return a.results.tallies() }

// Waiting returns how many messages wait for each channel.
func (a *Alerts) Waiting() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make(map[string]int, len(a.channels))
	for _, c := range a.channels {
		all[c.Name] = c.Waiting()
	}
	return all
}
