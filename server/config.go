package server

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/notify"
)

// Config says what a Server does. The comment of each field gives its unit,
// its default on the command line, and its consequences.
type Config struct {
	Fixed
	Live
}

// Fixed is what only a start can change. A tag names the flag, for settings that have one.
type Fixed struct {
	intake.Listen
	delivery.Spool

	// FlushInterval is the time between two flushes, 10 s. Counters are divided by it.
	FlushInterval time.Duration `flag:"--flush-interval"`

	// StateFile is where the values of gauges are kept over a restart, for later
	// adjustments, and the times of flushes, so that no flush repeats one of them. It is
	// written once a minute, and at the end. Without one (the default) gauges
	// begin at 0, and the first flush can have the time of a predecessor's last.
	StateFile string `flag:"--state-file"`

	// MonitorHost is the address of the monitor, 127.0.0.1.
	MonitorHost string `flag:"--monitor-host"`
	// MonitorPort is the port of the monitor, Port+10. 0 picks a free one, a
	// negative one means no monitor.
	MonitorPort int `flag:"--monitor-port"`
	// KeepValues is how many names' newest values the monitor shows, 100,000.
	KeepValues int `flag:"--keep-values"`

	// Admin is the host:port of the management console; without one (the default) there
	// is none. An empty host is 127.0.0.1.
	Admin string `flag:"--admin"`
	// AdminDown makes the console's health begin as down.
	AdminDown bool `flag:"--admin-health"`
	// Settings returns what the console shows as the configuration; nil for nothing.
	Settings func() []console.Setting

	// Beat, unless nil, is called by the flush loop, at least each BeatEvery or second:
	// if it is not, the daemon hangs. It must not block.
	Beat func()
	// BeatEvery is the longest time between two calls of Beat, if that should be
	// less than a second.
	BeatEvery time.Duration

	// Hostname names this host in messages to Channels. The address that is bound if
	// it is empty.
	Hostname string
	// Version is the daemon's, for people to see.
	Version string
	// Log gets what operators should know.
	Log zerolog.Logger
}

// Live is what a reload can change.
type Live struct {
	intake.Limits
	delivery.Publish

	// Layout says which points a flush makes, and their names: aggregate.Reference.Layout().
	// Its Interval is ignored: FlushInterval counts.
	Layout aggregate.Layout
	// MetadataPrefix stands in front of the daemon's own figures, statsd.
	// If it is empty, none are published.
	MetadataPrefix string

	// Expire is the number of flushes after which a counter, timer or set that
	// was not seen is forgotten, 2.
	Expire int
	// GaugeExpire is how long the value of a gauge is remembered for
	// adjustments, 24 h.
	GaugeExpire time.Duration
	// MaxNames is the greatest number of names, 2,000,000. Samples of further
	// ones are refused.
	MaxNames int
	// MaxNameLength is the greatest length of a name in bytes, 1024.
	MaxNameLength int
	// MaxSetMembers is the greatest number of members of a set that one receiver
	// collects in one flush interval, 1,000,000. Further ones are refused.
	MaxSetMembers int
	// MaxTimerSamples is the greatest number of samples of a timer that one
	// receiver keeps in one flush interval, 1,000,000. With more, its percentiles
	// are estimates, within 1 %; everything else stays exact.
	MaxTimerSamples int

	// Alerts makes the daemon check its own health, and tell the log and the
	// notifiers.
	Alerts bool
	// AlertInterval is the time between two checks, 60 s.
	AlertInterval time.Duration
	// Notifiers are told how the daemon is doing.
	Notifiers []NamedNotifier
	// Channels are told of each episode of the health, also without Alerts.
	Channels []Channel
}

// Channel is a receiver of episodes, and its name in the log and in figures.
type Channel struct {
	Name     string
	Receiver notify.Receiver
	Config   any // what the receiver was made of: a reload compares it
}

// NamedNotifier is a notifier and its name in logs.
type NamedNotifier struct {
	Name     string
	Notifier notify.Notifier
	// EveryLook reports each check, for receivers that check freshness. The
	// others are told of changes only.
	EveryLook bool
}

// maxFlushes is longer than a name is ever remembered, in flushes.
const maxFlushes = 1 << 30

// Validate reports what is wrong with the configuration, and names the flag.
func (c *Config) Validate() error {
	if err := c.Listen.Validate(c.FlushInterval); err != nil {
		return err
	}
	switch {
	case c.MonitorPort > 65535:
		return metric.FlagErrorf("--monitor-port", c.MonitorPort, "want at most 65535; without the flag it is --port plus 10")
	case c.FlushInterval < 10*time.Millisecond:
		return metric.FlagErrorf("--flush-interval", c.FlushInterval, "want at least 10ms")
	case c.Expire < 1:
		return metric.FlagErrorf("--expire", c.Expire, "want at least 1 flush")
	case c.Expire > maxFlushes:
		return metric.FlagErrorf("--expire", c.Expire, "want at most %d flushes", maxFlushes)
	case c.GaugeExpire < c.FlushInterval:
		return metric.FlagErrorf("--gauge-expire", c.GaugeExpire, "want at least the flush interval, %v", c.FlushInterval)
	case c.MaxNames < 1:
		return metric.FlagErrorf("--max-names", c.MaxNames, "want at least 1")
	case c.MaxNameLength < 1 || c.MaxNameLength > 65535:
		return metric.FlagErrorf("--max-name-length", c.MaxNameLength, "want 1 to 65535")
	case c.MaxSetMembers < 1:
		return metric.FlagErrorf("--max-set-members", c.MaxSetMembers, "want at least 1")
	case c.MaxTimerSamples < 1:
		return metric.FlagErrorf("--max-timer-samples", c.MaxTimerSamples, "want at least 1")
	case c.KeepValues < 0:
		return metric.FlagErrorf("--keep-values", c.KeepValues, "want 0 or more")
	case c.AlertInterval < 10*time.Millisecond:
		return metric.FlagErrorf("--alert-interval", c.AlertInterval, "want at least 10ms")
	case !metric.IsClean([]byte(c.MetadataPrefix)):
		return metric.FlagErrorf("--metadata-prefix", c.MetadataPrefix, "want only A-Z a-z 0-9 _ - and dots between them")
	}
	for _, validate := range []func() error{c.Limits.Validate, c.Publish.Validate, c.Layout.Validate} {
		if err := validate(); err != nil {
			return err
		}
	}
	return nil
}

// table returns the limits of the table.
func (c *Config) table() aggregate.Config {
	expire := uint32(c.Expire)
	gauges := uint32(min(int64(c.GaugeExpire/c.FlushInterval), maxFlushes))
	return aggregate.Config{
		MaxNames:      c.MaxNames,
		MaxNameLength: c.MaxNameLength,
		MaxSetMembers: c.MaxSetMembers,

		MaxTimerSamples: c.MaxTimerSamples,

		Tagged: c.Tagged(),

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
