package intake

import (
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/statvent/pipes"
	"github.com/statsd-ops/statsd/wire"
)

// Config is the configuration for Open.
type Config struct {
	Listen
	Limits
	// Table configures the table that intake fills. Open sets its Shards.
	Table aggregate.Config
	// FlushInterval is the time between two flushes. The stat pipes in PipeDir are read once in each interval.
	FlushInterval time.Duration
	// Log receives the messages for operators.
	Log zerolog.Logger
}

// Listen configures where lines come from and how they are read. A change needs a restart of the
// daemon. The tag of each field names the flag that sets it.
type Listen struct {
	// Host is the address to bind for UDP and TCP. Empty (the default) means all IPv4 and IPv6
	// addresses.
	Host string `flag:"--name"`
	// Port is the port for UDP and TCP, by default 8125. 0 lets the system choose a free port.
	Port int `flag:"--port"`
	// Listeners are additional addresses and socket files that receive lines. Host, Port, Receivers,
	// UDPBuffer and Limits give the defaults of a Listener's fields.
	Listeners []listen.Listener `flag:"--listen"`
	// PortOff says that Host and Port are ignored: only Listeners receive lines.
	PortOff bool `flag:"--listen"`
	// Receivers is the number of UDP sockets that share the port, by default one per CPU core. Each
	// socket has its own goroutine. The kernel assigns each client to one of the sockets.
	Receivers int `flag:"--receivers"`
	// Sockets are open sockets that the process inherited at its start. Intake uses them instead of
	// binding new sockets. A socket with the address of a listener serves that listener. Of the
	// other sockets, one listening TCP socket and all UDP sockets serve Port. Each UDP socket has
	// one receiver. Each remaining socket becomes a separate listener. Open owns the sockets, even
	// if it fails. At shutdown, unread data stays in the sockets for the next process that inherits
	// them.
	Sockets []*os.File
	// UDPBuffer is the size of each UDP socket's receive buffer in bytes, by default 8 MiB. If the
	// kernel grants less, a warning is logged. Datagrams that do not fit into the buffer are lost and
	// counted in udp.kernel_dropped.
	UDPBuffer int `flag:"--udp-buffer"`
	// DiscardSenders decides when the kernel is asked for the sender of a datagram, so that bad lines
	// can be shown with their senders. The default is SendersAuto.
	DiscardSenders Senders `flag:"--discard-senders"`
	// Dialect selects the rules for cleaning names and for empty values, by default metric.Reference.
	Dialect metric.Dialect `flag:"--dialect"`
	// AbsoluteSigns makes the sign of a gauge's value a part of the number. Without it, a value with a
	// sign adjusts the gauge.
	AbsoluteSigns bool `flag:"--gauge-signs"`
	// Tags says how tags are stored. By default they are dropped.
	Tags metric.Tags `flag:"--tags"`
	// TagStyles are the accepted styles of tags. The default is metric.DefaultTagStyles.
	TagStyles metric.TagStyles `flag:"--tag-styles"`
	// Containers adds a tag container_id to samples of DogStatsD clients that send a container
	// section. By default the section is ignored.
	Containers bool `flag:"--container"`
	// NamesAsSent keeps names as they are sent. By default they are cleaned for Graphite.
	NamesAsSent bool `flag:"--names"`

	// PipeDir is the directory of the stat pipes: named pipes through which processes of this host give their metrics.
	// They are read before each flush. If PipeDir is empty (the default), no pipes are read.
	PipeDir string `flag:"--pipe-dir"`
	// PipePrefix is put in front of each name from stat pipes. The default is no prefix.
	PipePrefix string `flag:"--pipe-prefix"`
	// PipeCounters selects the names in pipes that are counters: each reading adds the increase since
	// the last reading as a sample. Other names are gauges. By default all names are gauges.
	PipeCounters []pipes.Glob `flag:"--pipe-counters"`
	// PipeTimeout is how long a process may take to write its metrics into its stat pipe, by default 250 ms. Reading
	// begins two PipeTimeouts before the flush.
	PipeTimeout time.Duration `flag:"--pipe-timeout"`
}

// Limits are limits that can change while intake runs.
type Limits struct {
	// MaxTCPConnections limits the open TCP connections. The default is 20,000, or less if the process has a low limit
	// of open files. At the limit, a new connection replaces the connection with the oldest unfinished line. If no
	// connection has an unfinished line, it replaces the connection that was idle longest.
	MaxTCPConnections int
	// TCPIdleTimeout closes a TCP connection that has completed no line for this long. The default is
	// 1 h. 0 turns the timeout off.
	TCPIdleTimeout time.Duration
	// TCPLineTimeout closes a TCP connection when a line takes longer than this from its first byte to
	// its last, by default 30 s.
	TCPLineTimeout time.Duration
	// Guards decide who may send to a listener. The key is the listener's URL. A listener that has no
	// Guard at the start always accepts all senders. When Limits change, the Guard from the start
	// takes over the rules of the new Guard (see listen.Guard.Follow).
	Guards map[string]listen.Guard
	// Reserved is the number of file descriptors that connections must leave free for other uses.
	Reserved int
	// Rules are the rules that rename or drop metrics by name. nil, the default, means no rules.
	Rules *rules.Set
	// Debug logs each discarded line.
	Debug bool
	// DebugMetric selects what is logged when Debug is on: the received lines and published points
	// that contain this text. If it is empty, none are logged.
	DebugMetric string
}

// Senders says when the kernel is asked for the sender of a datagram. Asking adds about a tenth to
// the cost of receiving (BenchmarkReceive).
type Senders int

// The values of Senders.
const (
	SendersAuto Senders = iota // ask for a minute after each bad line; the sender of the first bad line stays unknown
	SendersOn
	SendersOff
)

// Validate returns an error with the name of the flag if a value is invalid.
func (l *Listen) Validate(flushInterval time.Duration) error {
	if err := l.checkListeners(); err != nil {
		return err
	}
	switch {
	case l.Port < 0 || l.Port > 65535:
		return metric.FlagErrorf("--port", l.Port, "must be between 0 and 65535")
	case l.Receivers < 1 || l.Receivers > 1024:
		return metric.FlagErrorf("--receivers", l.Receivers, "must be between 1 and 1024")
	case l.UDPBuffer < 1 || l.UDPBuffer > 1<<30:
		return metric.FlagErrorf("--udp-buffer", l.UDPBuffer, "must be between 1 byte and 1 GiB")
	case l.PipeDir != "" && runtime.GOOS != "linux":
		return metric.FlagErrorf("--pipe-dir", l.PipeDir, "stat pipes are available on linux only")
	case l.PipeDir != "" && (l.PipeTimeout < time.Millisecond || l.PipeTimeout > flushInterval/2):
		return metric.FlagErrorf("--pipe-timeout", l.PipeTimeout, "must be between 1ms and %v, which is half the flush interval", flushInterval/2)
	case l.NamesAsSent && l.Tags == metric.TagsInName:
		return metric.FlagErrorf("--names", "as-sent", "cannot be used with --tags=keep-in-name, which changes names so that Graphite accepts them; use --tags=labels")
	case !metric.IsClean([]byte(l.PipePrefix)):
		return metric.FlagErrorf("--pipe-prefix", l.PipePrefix, "may contain only A-Z, a-z, 0-9, _, - and dots")
	}
	return nil
}

// Validate returns an error with the name of the flag if a value is invalid.
func (l *Limits) Validate() error {
	switch {
	case l.MaxTCPConnections < 1:
		return metric.FlagErrorf("--max-tcp-connections", l.MaxTCPConnections, "must be at least 1")
	case l.TCPIdleTimeout < 0:
		return metric.FlagErrorf("--tcp-idle-timeout", l.TCPIdleTimeout, "must be 0 (never) or more")
	case l.TCPLineTimeout < 10*time.Millisecond:
		return metric.FlagErrorf("--tcp-line-timeout", l.TCPLineTimeout, "must be at least 10ms")
	}
	return nil
}

// checkListeners returns an error if an option of a listener has an invalid value.
func (l *Listen) checkListeners() error {
	for i := range l.Listeners {
		at := &l.Listeners[i]
		var wrong string
		switch {
		case at.Idle < -1:
			wrong = "idle: must be 0 (never) or more"
		case at.Scheme.Network() == "udp" && (at.Receivers < 1 || at.Receivers > 1024):
			wrong = "receivers: must be between 1 and 1024"
		case at.Restricted() && runtime.GOOS != "linux":
			wrong = "allow-uid, allow-gid: available on linux only"
		case at.Buffer < 0 || at.Buffer > 1<<30:
			wrong = "buffer: must be between 1 byte and 1 GiB"
		case at.Max < 0:
			wrong = "max: must be at least 1"
		case at.Line != 0 && at.Line < 10*time.Millisecond:
			wrong = "line: must be at least 10ms"
		default:
			continue
		}
		return metric.FlagErrorf("--listen", at.URL, "%s", wrong)
	}
	return nil
}

// listeners returns all listeners, including the listeners of Port.
func (l *Listen) listeners() []listen.Listener {
	var all []listen.Listener
	if !l.PortOff {
		address := net.JoinHostPort(l.Host, strconv.Itoa(l.Port))
		all = []listen.Listener{
			{Name: "udp", FromPort: true, Scheme: listen.UDP, Address: address, Receivers: l.Receivers},
			{Name: "tcp", FromPort: true, Scheme: listen.TCP, Address: address},
		}
	}
	return append(all, l.Listeners...)
}

// Tagged reports whether a published name can end with a semicolon and tags.
func (l *Listen) Tagged() bool { return l.Tags.Series() }

// Parser returns a new parser for received lines.
func (l *Listen) Parser() wire.Parser {
	return wire.Parser{
		AbsoluteSigns: l.AbsoluteSigns, Dialect: l.Dialect, Containers: l.Containers,
		Tagger: wire.NewTagger(l.Tags, l.TagStyles, l.Dialect),
	}
}

// NameForm returns the form in which names are stored.
func (l *Listen) NameForm() metric.NameForm {
	c := l.Naming(0)
	return c.Form()
}

// Naming returns the settings for reading names. flush is the flush interval.
func (l *Listen) Naming(flush time.Duration) naming.Config {
	return naming.Config{Dialect: l.Dialect, Tags: l.Tags, Styles: l.TagStyles, AsSent: l.NamesAsSent, Flush: flush}
}

// Clean returns a name in the form in which it is published.
func (l *Listen) Clean(name []byte) []byte {
	clean, _ := l.NameForm().Append(nil, name)
	return clean
}
