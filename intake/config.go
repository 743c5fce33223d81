package intake

import (
	"os"
	"runtime"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// Config is what Open needs.
type Config struct {
	Listen
	Limits
	// Table configures the table that intake fills. Open sets its Shards.
	Table aggregate.Config
	// FlushInterval is the time between two flushes: stat pipes are read once in each.
	FlushInterval time.Duration
	// Log gets what operators should know.
	Log zerolog.Logger
}

// Listen says where lines come from and how they are read. Only a start can change it. A tag names
// the flag.
type Listen struct {
	// Host is the address to bind, for UDP and TCP; empty (the default) for all, IPv4
	// and IPv6.
	Host string `flag:"--name"`
	// Port is the port for both protocols, 8125. 0 picks a free one.
	Port int `flag:"--port"`
	// Receivers is the number of UDP sockets that share the port, each with a
	// goroutine of its own: one a core. The kernel assigns each client to one of them.
	Receivers int `flag:"--receivers"`
	// Sockets are open sockets that the process was given at its start: one listening
	// TCP socket, UDP sockets, or both. They replace binding the port, with one
	// receiver for each UDP socket. Open takes them over, also when it fails. At the
	// end, what they still hold stays for the next process that gets them.
	Sockets []*os.File
	// UDPBuffer is the size of each UDP socket's receive buffer in bytes,
	// 8 MiB. The kernel may grant less, which is logged. Datagrams that do not fit while the
	// daemon is busy are lost, and counted in udp.kernel_dropped.
	UDPBuffer int `flag:"--udp-buffer"`
	// DiscardSenders says when the kernel is asked for the sender of a datagram, to
	// show the senders of bad lines: SendersAuto.
	DiscardSenders Senders `flag:"--discard-senders"`
	// Dialect selects the rules for cleaning names and for empty values,
	// metric.Reference.
	Dialect metric.Dialect `flag:"--dialect"`
	// AbsoluteSigns makes a gauge's sign part of its number, instead of an
	// adjustment.
	AbsoluteSigns bool `flag:"--gauge-signs"`
	// Tags says what to do with the tags of samples: they are dropped.
	Tags metric.Tags `flag:"--tags"`

	// PipeDir is the directory of stat pipes to read before each flush; none.
	PipeDir string `flag:"--pipe-dir"`
	// PipePrefix stands in front of the names of figures from stat pipes, of every
	// kind; nothing.
	PipePrefix string `flag:"--pipe-prefix"`
	// PipeCounters are the names in pipes that count: what each process added
	// becomes a sample of a counter. All other names, by default all names, are gauges.
	PipeCounters []pipes.Glob `flag:"--pipe-counters"`
	// PipeTimeout is how long each process has for its answer, 250 ms. Reading
	// begins twice as long before the flush.
	PipeTimeout time.Duration `flag:"--pipe-timeout"`
}

// Limits can change while intake runs.
type Limits struct {
	// MaxTCPConnections is the greatest number of TCP connections, 20,000, or
	// less where fewer open files are allowed. For one more, the connection with the
	// oldest unfinished line is cut, or else the one that was idle longest.
	MaxTCPConnections int
	// TCPIdleTimeout cuts a TCP connection that has not completed a line for so
	// long, 1 h; 0 never does.
	TCPIdleTimeout time.Duration
	// TCPLineTimeout is how long a line may take over TCP from its first byte
	// to its last, 30 s, before its connection is cut.
	TCPLineTimeout time.Duration
	// Reserved is how many open files everything else may need: connections get
	// the rest of what the system allows.
	Reserved int
	// Debug logs each discard.
	Debug bool
	// DebugMetric selects the lines to log, received and published, when Debug
	// is on: those that contain it; empty for none.
	DebugMetric string
}

// Senders says when the kernel is asked for the sender of a datagram. Asking costs a
// tenth of receiving the datagram (BenchmarkReceive).
type Senders int

// When the senders are asked for.
const (
	SendersAuto Senders = iota // for a minute after each bad line; the first one's stays unknown
	SendersOn
	SendersOff
)

// Validate reports what is wrong, and names the flag.
func (l *Listen) Validate(flushInterval time.Duration) error {
	switch {
	case l.Port < 0 || l.Port > 65535:
		return metric.FlagErrorf("--port", l.Port, "want 0 to 65535")
	case l.Receivers < 1 || l.Receivers > 1024:
		return metric.FlagErrorf("--receivers", l.Receivers, "want 1 to 1024")
	case l.UDPBuffer < 1 || l.UDPBuffer > 1<<30:
		return metric.FlagErrorf("--udp-buffer", l.UDPBuffer, "want 1 byte to 1 GiB")
	case l.PipeDir != "" && runtime.GOOS != "linux":
		return metric.FlagErrorf("--pipe-dir", l.PipeDir, "stat pipes can be read on linux only")
	case l.PipeDir != "" && (l.PipeTimeout < time.Millisecond || l.PipeTimeout > flushInterval/2):
		return metric.FlagErrorf("--pipe-timeout", l.PipeTimeout, "want 1ms to half the flush interval, %v", flushInterval/2)
	case !metric.IsClean([]byte(l.PipePrefix)):
		return metric.FlagErrorf("--pipe-prefix", l.PipePrefix, "want only A-Z a-z 0-9 _ - and dots between them")
	}
	return nil
}

// Validate reports what is wrong, and names the flag.
func (l *Limits) Validate() error {
	switch {
	case l.MaxTCPConnections < 1:
		return metric.FlagErrorf("--max-tcp-connections", l.MaxTCPConnections, "want at least 1")
	case l.TCPIdleTimeout < 0:
		return metric.FlagErrorf("--tcp-idle-timeout", l.TCPIdleTimeout, "want 0 (never) or more")
	case l.TCPLineTimeout < 10*time.Millisecond:
		return metric.FlagErrorf("--tcp-line-timeout", l.TCPLineTimeout, "want at least 10ms")
	}
	return nil
}

// Tagged reports whether names are those of series, with Graphite's tags.
func (l *Listen) Tagged() bool { return l.Tags == metric.GraphiteTags }

// Clean returns a name as it is published.
func (l *Listen) Clean(name []byte) []byte {
	if !l.Tagged() {
		return l.Dialect.AppendClean(nil, name)
	}
	name, tags := metric.CutTags(name)
	return append(l.Dialect.AppendClean(nil, name), tags...)
}
