package server

import (
	"os"
	"runtime"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// Config says what a Server does. The comment of each field gives its unit,
// its default on the command line, and what follows from it.
type Config struct {
	// Host is the address to bind, for UDP and TCP; empty (the default) for all, IPv4
	// and IPv6.
	Host string
	// Port is the port for both protocols, 8125. 0 picks one that is free.
	Port int
	// Receivers is the number of UDP sockets that share the port, each with a
	// goroutine of its own: one a core. One client goes to one of them.
	Receivers int
	// Sockets are open sockets that whoever started the process has given to
	// it: a listening TCP socket, UDP sockets, or both. They are used instead
	// of binding the port, with one receiver for each UDP socket. New takes
	// them over, whether or not it succeeds. At the end what they hold stays for whoever
	// gets them next.
	Sockets []*os.File
	// UDPBuffer is the size of each UDP socket's receive buffer in bytes,
	// 8 MiB. The kernel may grant less, which is logged. What does not fit while the
	// daemon is busy is lost, and counted in udp.kernel_dropped.
	UDPBuffer int
	// DiscardSenders says when the kernel is asked who sent a datagram, to
	// show the senders of bad lines: SendersAuto.
	DiscardSenders Senders

	// FlushInterval is the time between two flushes, 10 s. Counters are divided by it.
	FlushInterval time.Duration
	// Layout is which points a flush makes, and their names: aggregate.Reference.Layout().
	// Its Interval is not looked at.
	Layout aggregate.Layout
	// MetadataPrefix stands in front of the daemon's own figures, statsd.
	// Where it is empty none are published.
	MetadataPrefix string
	// Dialect is whose habits count in cleaning names and for empty values,
	// metric.Reference.
	Dialect metric.Dialect
	// AbsoluteSigns makes a gauge's sign part of its number, instead of an
	// adjustment.
	AbsoluteSigns bool
	// Tags is what becomes of the tags of samples: they are dropped.
	Tags metric.Tags

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
	// receiver keeps in one flush interval, 1,000,000. With more its percentiles
	// are estimates, within 1 %; all else stays exact.
	MaxTimerSamples int
	// MaxTCPConnections is the greatest number of TCP connections, 20,000, or
	// less where fewer open files are allowed. For one more, the one with the
	// oldest unfinished line is cut, or else the one that has rested longest.
	MaxTCPConnections int
	// TCPIdleTimeout is how long a TCP connection may go without ending a
	// line, 1 h, until it is cut; 0 for as long as it likes.
	TCPIdleTimeout time.Duration
	// TCPLineTimeout is how long a line may take from its first byte over TCP
	// to its last, 30 s, until its connection is cut.
	TCPLineTimeout time.Duration

	// PipeDir is the directory of stat pipes to read before each flush; without
	// one (the default) none are. It needs Linux.
	PipeDir string
	// PipePrefix stands in front of names from pipes, behind the prefix of their
	// kind; nothing.
	PipePrefix string
	// PipeCounters are names in pipes that are counts: how much they grew in each
	// process is a counter's sample. Other names, which are all by default, are gauges.
	PipeCounters []pipes.Glob
	// PipeTimeout is how long each process has for its answer, 250 ms. Reading
	// begins twice as long before the flush.
	PipeTimeout time.Duration

	// Sinks are where flushes go. Without any they only show in the monitor.
	Sinks []NamedSink
	// Recorders are sinks that keep what names collect, and serve it themselves.
	Recorders []NamedRecorder
	// QueueBytes is how many encoded bytes may wait for a sink, 64 MiB. Beyond
	// it the oldest are dropped, and counted.
	QueueBytes int

	// StateFile is where the values of gauges are kept over a restart, for later
	// adjustments, and the times of flushes, so that no other has one of them. It is
	// written once a minute, and at the end. Without one (the default) gauges
	// begin at 0, and the first flush can have the time of a predecessor's last.
	StateFile string

	// SpoolDir is a directory for what sinks could not take in time, a
	// subdirectory for each. Without one (the default) that waits in memory
	// only, and is lost when the process ends.
	SpoolDir string
	// SpoolMaxBytes bounds each sink's spool, 1 GiB. Beyond it the oldest are dropped,
	// and counted.
	SpoolMaxBytes int64
	// SpoolFsync is how long a payload may be in the kernel's memory only,
	// 1 s: what a crash of the machine can cost.
	SpoolFsync time.Duration
	// SpoolAfter is how long a send may take before what waits goes to the
	// spool, 250 ms.
	SpoolAfter time.Duration
	// ReplayRate is how many points a second are sent from the spool at most, 50,000; or
	// twice as many as flushes make, if that is more.
	ReplayRate int

	// MonitorHost is the address of the monitor, 127.0.0.1.
	MonitorHost string
	// MonitorPort is the port of the monitor, Port+10. 0 picks one that is free, a
	// negative one means no monitor.
	MonitorPort int
	// KeepValues is how many names' newest values the monitor shows, 100,000.
	KeepValues int

	// Admin is the host:port of the management console; without one (the default) there
	// is none. An empty host is 127.0.0.1.
	Admin string
	// AdminDown is whether the console's health begins as down.
	AdminDown bool
	// Settings returns what the console shows as the configuration; nil for nothing.
	Settings func() []console.Setting

	// Alerts makes the daemon look at its own health, and tell the log and the
	// notifiers.
	Alerts bool
	// AlertInterval is the time between two looks, 60 s.
	AlertInterval time.Duration
	// Notifiers are told how things stand.
	Notifiers []NamedNotifier

	// Grace is how long delivery may take after the end was asked for, 5 s.
	Grace time.Duration

	// Beat, unless nil, is called by the flush loop, at least each BeatEvery or second:
	// when it is not, the daemon hangs. It must not block.
	Beat func()
	// BeatEvery is the longest time between two calls of Beat, if that is to be
	// less than a second.
	BeatEvery time.Duration

	// Version is the daemon's, for people to see.
	Version string
	// Log gets what operators should know.
	Log zerolog.Logger
	// Debug logs each discard.
	Debug bool
	// DebugMetric is what lines to log contain, received and published, when Debug
	// is on; empty for none.
	DebugMetric string
}

// Senders says when the kernel is asked who sent a datagram. To ask costs a
// tenth of what receiving a datagram does (BenchmarkReceive).
type Senders int

// When the senders are asked for.
const (
	SendersAuto Senders = iota // for a minute after each bad line; the first one's stays unknown
	SendersOn
	SendersOff
)

// NamedSink is a sink and its name in figures and logs, and of its spool.
type NamedSink struct {
	Name string
	// Address says in logs where it is.
	Address string
	Sink    sink.Sink
	// Format names the encoding of its payloads, which wait in the spool: what is
	// written in one format is not sent by a sink of another. Lines have an empty one.
	Format string
	// Config is what the sink was made from. Reload leaves one alone whose
	// name and Config stay the same.
	Config any
}

// NamedRecorder is a Recorder and its name in figures and logs, which no sink has.
type NamedRecorder struct {
	Name string
	// Address says in logs where it is.
	Address  string
	Recorder sink.Recorder
	// Config is what the recorder was made from. Reload leaves one alone whose name
	// stays the same; it needs a restart if its Config does not.
	Config any
}

// NamedNotifier is a notifier and its name in logs.
type NamedNotifier struct {
	Name     string
	Notifier notify.Notifier
	// EveryLook reports each look, for receivers that check freshness; the
	// others are told of changes only.
	EveryLook bool
}

// mostFlushes is more than a name is ever remembered for.
const mostFlushes = 1 << 30

// Validate says what is wrong with the configuration, and names the flag.
func (c *Config) Validate() error {
	switch {
	case c.Port < 0 || c.Port > 65535:
		return metric.FlagErrorf("--port", c.Port, "want 0 to 65535")
	case c.MonitorPort > 65535:
		return metric.FlagErrorf("--monitor-port", c.MonitorPort, "want at most 65535; without the flag it is --port plus 10")
	case c.Receivers < 1 || c.Receivers > 1024:
		return metric.FlagErrorf("--receivers", c.Receivers, "want 1 to 1024")
	case c.UDPBuffer < 1 || c.UDPBuffer > 1<<30:
		return metric.FlagErrorf("--udp-buffer", c.UDPBuffer, "want 1 byte to 1 GiB")
	case c.FlushInterval < 10*time.Millisecond:
		return metric.FlagErrorf("--flush-interval", c.FlushInterval, "want at least 10ms")
	case c.Expire < 1:
		return metric.FlagErrorf("--expire", c.Expire, "want at least 1 flush")
	case c.Expire > mostFlushes:
		return metric.FlagErrorf("--expire", c.Expire, "want at most %d flushes", mostFlushes)
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
	case c.MaxTCPConnections < 1:
		return metric.FlagErrorf("--max-tcp-connections", c.MaxTCPConnections, "want at least 1")
	case c.TCPIdleTimeout < 0:
		return metric.FlagErrorf("--tcp-idle-timeout", c.TCPIdleTimeout, "want 0 (never) or more")
	case c.TCPLineTimeout < 10*time.Millisecond:
		return metric.FlagErrorf("--tcp-line-timeout", c.TCPLineTimeout, "want at least 10ms")
	case c.PipeDir != "" && runtime.GOOS != "linux":
		return metric.FlagErrorf("--pipe-dir", c.PipeDir, "stat pipes can be read on linux only")
	case c.PipeDir != "" && (c.PipeTimeout < time.Millisecond || c.PipeTimeout > c.FlushInterval/2):
		return metric.FlagErrorf("--pipe-timeout", c.PipeTimeout, "want 1ms to half the flush interval, %v", c.FlushInterval/2)
	case c.QueueBytes < payloadBytes:
		return metric.FlagErrorf("--queue-max-bytes", c.QueueBytes, "want at least %d", payloadBytes)
	case c.SpoolAfter < 0:
		return metric.FlagErrorf("--spool-after", c.SpoolAfter, "want 0 or more")
	case c.ReplayRate < 1:
		return metric.FlagErrorf("--replay-rate", c.ReplayRate, "want at least 1 point a second")
	case c.KeepValues < 0:
		return metric.FlagErrorf("--keep-values", c.KeepValues, "want 0 or more")
	case c.AlertInterval < 10*time.Millisecond:
		return metric.FlagErrorf("--alert-interval", c.AlertInterval, "want at least 10ms")
	case c.Grace < 0:
		return metric.FlagErrorf("--grace", c.Grace, "want 0 or more")
	}
	if err := c.validatePrefixes(); err != nil {
		return err
	}
	return c.Layout.Validate()
}

// tagged says that names are those of series, with tags as Graphite has them.
func (c *Config) tagged() bool { return c.Tags == metric.GraphiteTags }

// clean returns a name as it is published.
func (c *Config) clean(name []byte) []byte {
	if !c.tagged() {
		return c.Dialect.AppendClean(nil, name)
	}
	name, tags := metric.CutTags(name)
	return append(c.Dialect.AppendClean(nil, name), tags...)
}

// validatePrefixes sees to it that prefixes leave names as clean as they are.
func (c *Config) validatePrefixes() error {
	for _, p := range []struct{ flag, prefix string }{
		{"--metadata-prefix", c.MetadataPrefix},
		{"--pipe-prefix", c.PipePrefix},
	} {
		if !metric.IsClean([]byte(p.prefix)) {
			return metric.FlagErrorf(p.flag, p.prefix, "want only A-Z a-z 0-9 _ - and dots between them")
		}
	}
	return nil
}
