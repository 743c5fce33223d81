package server

import (
	"cmp"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/member"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// Config configures a Server. Each field's comment gives its unit, its default on the command line,
// and its effect.
type Config struct {
	Fixed
	Live
}

// Fixed holds the settings that need a restart. The struct tag of each field names the field's
// flag.
type Fixed struct {
	intake.Listen
	delivery.Spool
	forward.Target
	forward.Next
	collect.Cluster

	// FlushInterval is the time between two flushes, by default 10 s. Rates are counters divided by
	// FlushInterval.
	FlushInterval time.Duration `flag:"--flush-interval"`

	// StateFile keeps the values of gauges over a restart, so that adjustments continue from them. It also keeps the
	// times of flushes, so that the first flush after a restart does not use a timestamp again. The daemon writes the
	// file once a minute and at the end. Without a file (the default) gauges begin at 0, and the first flush can reuse
	// the time of the last flush before the restart.
	StateFile string `flag:"--state-file"`

	// MonitorHost is the address of the monitor, by default 127.0.0.1.
	MonitorHost string `flag:"--monitor-host"`
	// MonitorPort is the port of the monitor, by default Port+10. 0 picks a free port; a negative port
	// turns the monitor off.
	MonitorPort int `flag:"--monitor-port"`
	// MonitorCert and MonitorKey are the files of a certificate and its key, in PEM format. With them the
	// monitor speaks TLS. The daemon reads the files again when they change.
	MonitorCert string `flag:"--monitor-cert"`
	MonitorKey  string `flag:"--monitor-key"`
	// KeepValues limits the number of names whose latest values the monitor shows, by default to
	// 100,000.
	KeepValues int `flag:"--keep-values"`
	// HistoryMemory limits the size of the history of published values in bytes, by default to 16 MiB.
	// 0 keeps no history.
	HistoryMemory int `flag:"--history-memory"`

	// Admin is the host:port of the management console. Empty (the default) turns it off. An empty
	// host means 127.0.0.1.
	Admin string `flag:"--admin"`
	// AdminDown makes the command `health` of the console answer "down" at first.
	AdminDown bool `flag:"--admin-health"`
	// Settings returns the settings that the console shows. It may be nil.
	Settings func() []console.Setting

	// Reread reads the settings again and applies them by Reload. If the parameter dry is true, it
	// only checks them. If Reread is nil, operators cannot reload.
	Reread func(dry bool) (question.Reloaded, error)

	// Differs says how the configuration file differs from the running settings. It returns "" if they are the same. If
	// Differs is nil, the daemon does not compare them.
	Differs func() string
	// Described returns the running settings, and the values that they would have after a reload. If
	// it is nil, the monitor shows no settings.
	Described func() question.Config

	// Beat tells a watchdog that the daemon is alive. It is nil without a watchdog. The flush loop
	// calls it at least once in each BeatEvery, and at least once a second. If the calls stop, the
	// watchdog knows that the flush loop hangs. Beat must not block.
	Beat func()
	// BeatEvery is the maximum time between two calls of Beat. Values above one second count as one
	// second.
	BeatEvery time.Duration

	// Hostname names this host in messages to Channels. If it is empty, the bound address is used.
	Hostname string
	// Version is the daemon's version. The log and the monitor show it.
	Version string
	// Log receives the messages for operators.
	Log zerolog.Logger
}

// Live holds the settings that a reload can change.
type Live struct {
	intake.Limits
	delivery.Publish
	alert.Audience

	// Layout decides which points a flush makes and how they are named. The default is
	// aggregate.Reference.Layout(). The field Interval of the Layout is ignored: FlushInterval is
	// used.
	Layout aggregate.Layout
	// MetadataPrefix is the prefix of the daemon's own figures, by default statsd. If it is empty, no
	// figures are published.
	MetadataPrefix string

	// Expire is the number of flushes without a sample after which the daemon removes a counter, timer
	// or set, by default 2.
	Expire int
	// GaugeExpire is how long the daemon keeps the value of a gauge that gets no samples, so that it
	// can still be adjusted. The default is 24 h.
	GaugeExpire time.Duration
	// MaxNames is the maximum number of names, by default 2,000,000. Above it, samples of new names
	// are refused.
	MaxNames int
	// MaxNameLength is the maximum length of a name in bytes, by default 1024.
	MaxNameLength int
	// MaxSetMembers is the maximum number of members of a set that one receiver keeps in one flush
	// interval, by default 1,000,000. Further members are refused.
	MaxSetMembers int
	// MaxTimerSamples is the maximum number of samples of a timer that one receiver keeps in one flush
	// interval, by default 1,000,000. With more samples, percentiles are estimates within 1 %. The
	// other values of the timer stay exact.
	MaxTimerSamples int

	// MonitorTokens are the access tokens of the monitor; nil for none. Without tokens, the monitor
	// allows no changes.
	MonitorTokens *access.Tokens
}

// maxHistoryMemory is the maximum of HistoryMemory.
const maxHistoryMemory = 16 << 30

// maxFlushes is the maximum of Expire. It also limits GaugeExpire, as a number of flushes.
const maxFlushes = 1 << 30

// Validate returns an error if a setting is not valid. The error names the flag of the setting.
func (c *Config) Validate() error {
	if err := c.Listen.Validate(c.FlushInterval); err != nil {
		return err
	}
	names := c.Naming(c.FlushInterval)
	if err := names.Check(c.Rules); err != nil {
		return metric.FlagErrorf("--rules", nil, "%w", err)
	}
	switch {
	case c.MonitorPort > 65535:
		return metric.FlagErrorf("--monitor-port", c.MonitorPort, "must be at most 65535; without the flag, the port is --port plus 10")
	case c.FlushInterval < 10*time.Millisecond:
		return metric.FlagErrorf("--flush-interval", c.FlushInterval, "must be at least 10ms")
	case c.Expire < 1:
		return metric.FlagErrorf("--expire", c.Expire, "must be at least 1 flush")
	case c.Expire > maxFlushes:
		return metric.FlagErrorf("--expire", c.Expire, "must be at most %d flushes", maxFlushes)
	case c.GaugeExpire < c.FlushInterval:
		return metric.FlagErrorf("--gauge-expire", c.GaugeExpire, "must be at least the flush interval, which is %v", c.FlushInterval)
	case c.MaxNames < 1:
		return metric.FlagErrorf("--max-names", c.MaxNames, "must be at least 1")
	case c.MaxNameLength < 1 || c.MaxNameLength > 65535:
		return metric.FlagErrorf("--max-name-length", c.MaxNameLength, "must be between 1 and 65535")
	case c.MaxSetMembers < 1:
		return metric.FlagErrorf("--max-set-members", c.MaxSetMembers, "must be at least 1")
	case c.MaxTimerSamples < 1:
		return metric.FlagErrorf("--max-timer-samples", c.MaxTimerSamples, "must be at least 1")
	case c.KeepValues < 0:
		return metric.FlagErrorf("--keep-values", c.KeepValues, "must be 0 or more")
	case c.HistoryMemory < 0 || c.HistoryMemory > maxHistoryMemory:
		return metric.FlagErrorf("--history-memory", c.HistoryMemory, "must be between 0 and %d bytes", maxHistoryMemory)
	case !metric.IsClean([]byte(c.MetadataPrefix)):
		return metric.FlagErrorf("--metadata-prefix", c.MetadataPrefix, "may contain only A-Z, a-z, 0-9, _, - and dots")
	}
	if err := c.Cluster.Validate(c.FlushInterval); err != nil {
		return err
	}
	times := member.Times{Interval: c.FlushInterval, Target: &c.Target, Next: &c.Next, Cluster: &c.Cluster}
	if err := times.Validate(); err != nil {
		return err
	}
	for _, validate := range []func() error{c.Target.Validate, c.Limits.Validate, c.Publish.Validate, c.Audience.Validate, c.Layout.Validate} {
		if err := validate(); err != nil {
			return err
		}
	}
	return nil
}

// service returns the name of the service in alerts.
func (l *Live) service() string { return cmp.Or(l.MetadataPrefix, "statsd") }

// table returns the configuration of the table of names and their samples.
func (c *Config) table() aggregate.Config {
	expire := uint32(c.Expire)
	gauges := uint32(min(int64(c.GaugeExpire/c.FlushInterval), maxFlushes))
	return aggregate.Config{
		MaxNames:      c.MaxNames,
		MaxNameLength: c.MaxNameLength,
		MaxSetMembers: c.MaxSetMembers,

		MaxTimerSamples: c.MaxTimerSamples,

		Tagged:      c.Tagged(),
		NamesAsSent: c.NamesAsSent,

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

const (
	// ownFiles is the number of descriptors reserved for the runtime, the log, the state file,
	// notifiers and name look-ups.
	ownFiles = 24
	// sinkFiles is the number of descriptors reserved for a sink and its spool.
	sinkFiles = 6
	// channelFiles is the number of descriptors reserved for a channel: its connection and the look-up
	// of its name.
	channelFiles = 2
	// collectFiles is the number of descriptors reserved for the daemon's own connection to its cluster, with its spool.
	// partitionFiles is the number reserved for each partition.
	collectFiles, partitionFiles = 8, 3
	// maxEdges is the maximum number of edge daemons of a central daemon.
	maxEdges = 1024
)

// Reserved returns the number of descriptors that TCP clients cannot use. They are reserved for
// publishing, the state file, notifiers, clients of the monitor and edge daemons.
func (c *Config) Reserved() int {
	n := c.reserved()
	if c.CollectFrom != "" {
		n += c.Edges()
	}
	return n
}

// Edges returns how many edge daemons can be connected to a central daemon. Edge daemons and TCP clients share the
// descriptors that are not reserved for anything else.
func (c *Config) Edges() int {
	return min(maxEdges, max(2, (descriptors.Limit()-c.reserved())/2))
}

// reserved returns the number of descriptors that neither TCP clients nor edge daemons can use.
func (c *Config) reserved() int {
	n := ownFiles + sinkFiles*len(c.Sinks) + channelFiles*len(c.Channels) + c.Receivers
	servers := 0
	if c.MonitorPort >= 0 {
		servers++
	}
	if c.Admin != "" {
		servers++
	}
	for _, d := range c.Sinks {
		if d.Recorder != nil {
			servers++
		}
	}
	n += servers * (1 + descriptors.Share(gate.MaxConns))
	for i := range c.Listeners {
		if c.Listeners[i].Scheme == listen.TLS {
			n += certs.Greeted()
		}
	}
	if c.CollectFrom != "" {
		n += collectFiles + partitionFiles*c.CollectPartitions
	}
	if c.PipeDir != "" {
		n += descriptors.Share(pipes.MaxParallel)
	}
	return n
}
