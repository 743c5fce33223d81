package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Config says where and how a client sends. The zero Config sends over TCP to 127.0.0.1:8125.
type Config struct {
	// Network is "tcp" (the default), "udp", "unix" (a stream of lines) or
	// "unixgram". This project's server has listeners for both: unix:// and unixgram://. Datadog's agent has "unixgram"
	// only: its unix stream needs a length before each packet, which this client does not send.
	Network string

	// Address is a host, a host:port (default port 8125) or, for the unix
	// networks, the path of the socket. The client looks up a host name at each
	// connection, and for UDP once a minute.
	Address string

	// Prefix and Tags are added to everything that is sent. A tag is "key:value"
	// or a word. Tags are written as "|#a,b". Servers that do not support tags may discard such lines.
	Prefix string
	Tags   []string

	// TypePrefixes puts "counters.", "gauges.", "timers." or "sets." between
	// Prefix and the name, as sprockets-statsd does. Histograms and distributions
	// get "timers.". [Client.Inject] adds no type.
	TypePrefixes bool

	// MaxPacketSize is the largest payload of a datagram, and of a write to a stream, in bytes. The default is 1432 for
	// UDP, which fits an Ethernet frame (8932 fits a jumbo frame, 65507 is the limit of UDP). For the other networks it
	// is 8192, and the limit is 64 MiB. A longer line is dropped, never split.
	MaxPacketSize int

	// OneLine sends each line in a datagram of its own, for servers that read only one
	// line of a datagram. It is for the networks "udp" and "unixgram". It costs more at both ends. On Linux one system
	// call sends up to 64 lines of the same length: the kernel cuts them into datagrams (UDP_SEGMENT). Elsewhere, and
	// for a route that does not allow this, each line needs a system call. Because of this the lines of one packet can
	// change their order. Lines of gauges, and of types of [Client.Inject], stay in order. MaxPacketSize limits a line,
	// and packets in the queue have at least 8192 bytes. Setting a negative gauge takes two datagrams, so one of them
	// can get lost. The server gets datagrams in fast bursts. A socket with the usual buffer of 208 KiB holds 277 small
	// datagrams: enlarge the buffer if the server is slow to read.
	OneLine bool

	// HMACKey, if not empty, signs each datagram of network "udp" with HMAC-SHA256,
	// for a listener udp+hmac:// of this project's server, or for brubeck's
	// statsd-secure. The signature takes 44 bytes of MaxPacketSize. It contains the time: the server refuses datagrams
	// from a host whose clock is wrong. The server's key file has the same key. Give the key here without white space
	// around it.
	HMACKey []byte

	// FlushInterval is how long a line waits for its packet to fill: 100 ms by
	// default.
	FlushInterval time.Duration

	// QueueSize is how many full packets can wait for the server: 1000 by default,
	// at most 1048576. They use up to (QueueSize+2) x MaxPacketSize bytes. With OneLine a packet has at least 8192
	// bytes. With both Block and Aggregate there can be 64 packets more. The memory is freed when the queue is empty.
	QueueSize int

	// Block makes a call wait up to this long for room in a full queue, so that a
	// batch job loses nothing. When BlockContext is done, all waits end. If only BlockContext is set, a wait has no
	// other limit. If both are zero, no call waits: a full queue drops lines. After a wait that ended without room,
	// calls drop their lines at once until the server accepts a packet. So a dead server costs the time Block once, not
	// for each call.
	Block        time.Duration
	BlockContext context.Context

	// DropOldest drops the oldest packet of a full queue to make room, after the
	// wait of Block. Otherwise the new lines are dropped.
	DropOldest bool

	// Aggregate, if not zero, merges samples with the same name, tags and rate for
	// this long before they are queued. Counters are summed, a gauge keeps its
	// last value, equal set members are sent once, and the values of timers,
	// histograms and distributions share a line ("t:1:2:3|ms"). This project's server and the DogStatsD family read
	// such lines. Some other servers do not. Choose at most the server's flush interval. The client holds up to 4096
	// names, 65536 set members and about 65536 values that wait to be encoded. Further samples are sent unmerged.
	Aggregate time.Duration

	// ReconnectDelay is the wait after a first failed connection: 1 s by default.
	// It doubles with each further failure, up to ReconnectMax: 30 s by default.
	// The actual wait is a random time between half of it and all of it.
	ReconnectDelay time.Duration
	ReconnectMax   time.Duration

	// DialTimeout limits one attempt to connect, including the name lookup: 5 s
	// by default. WriteTimeout is how long the server may refuse to take a packet
	// before the client gives up the connection: 10 s by default. If this cuts a line, the whole line is sent again. A
	// server that accepts an unfinished last line of a connection may count it twice.
	DialTimeout  time.Duration
	WriteTimeout time.Duration

	// Log, if set, gets one line for each failed connection, each recovery (UDP
	// shows none), and once a second for each reason for which samples were
	// dropped. Of a series of failures it gets the first LogEvery, then every LogEvery-th: 100 by default. Log runs in
	// a goroutine of its own and may block. If it is too slow, the lines that it misses are counted. Logger gets the
	// same lines.
	Log      func(line string)
	Logger   *slog.Logger
	LogEvery int

	// StatsInterval, if not zero, is how often the client sends its own [Stats],
	// as counters such as statsd_client.sent and statsd_client.dropped.queue_full
	// (samples) and the gauge statsd_client.queued (lines). These lines need no room in the queue, and Close sends the
	// last ones. Give each process its own Prefix or Tags to distinguish them.
	StatsInterval time.Duration

	// Dial, if set, replaces [net.Dialer.DialContext]: for TLS, a proxy, or a
	// test. A panic of Dial or of the connection counts as a failed connection. For TLS set it to (&tls.Dialer{Config:
	// c}).DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Disabled makes [New] return a client that does nothing.
	Disabled bool

	// The settings below are for [Config.FromEnv]. Enabled ignores STATSD_ENABLED and requires a server. NoPrefix sends
	// names without a prefix. Service and Environment make the prefix "applications.SERVICE.ENVIRONMENT" if
	// STATSD_PREFIX is not set.
	Enabled, NoPrefix    bool
	Service, Environment string

	pythonTimings bool // whole milliseconds as "250.0"
}

// Validate reports the first invalid setting. [New] calls it.
func (cfg Config) Validate() error {
	switch cfg.Network {
	case "", "tcp", "udp":
	case "unix", "unixgram":
		if cfg.Address == "" {
			return fmt.Errorf("statsd client: Config.Address is empty: network %q needs the path of a socket", cfg.Network)
		}
	default:
		return fmt.Errorf("statsd client: Config.Network is %q, and must be tcp, udp, unix or unixgram", cfg.Network)
	}
	if _, ok := hostPort(cfg.Address); !ok && cfg.Address != "" && !cfg.unix() {
		return fmt.Errorf("statsd client: Config.Address is %q, and must be a host, or host:port with a port from 1 to 65535", cfg.Address)
	}
	if cfg.Network == "udp" && cfg.MaxPacketSize > maxUDP {
		return fmt.Errorf("statsd client: Config.MaxPacketSize is %d: UDP carries at most %d bytes", cfg.MaxPacketSize, maxUDP)
	}
	if err := cfg.validateKey(); err != nil {
		return err
	}
	if cfg.OneLine && !cfg.datagram() {
		return fmt.Errorf("statsd client: Config.OneLine is for datagrams, and Config.Network is %q: set udp or unixgram", cfg.Network)
	}
	if cfg.MaxPacketSize < 0 || cfg.QueueSize < 0 || cfg.LogEvery < 0 {
		return errors.New("statsd client: Config.MaxPacketSize, QueueSize and LogEvery must not be negative")
	}
	if cfg.MaxPacketSize > maxPacket || cfg.QueueSize > maxQueue {
		return fmt.Errorf("statsd client: Config.MaxPacketSize is %d, QueueSize %d: they may be at most %d and %d", cfg.MaxPacketSize, cfg.QueueSize, maxPacket, maxQueue)
	}
	if cfg.Enabled && cfg.Disabled {
		return errors.New("statsd client: Config has both Enabled and Disabled: set one of them")
	}
	if cfg.NoPrefix && cfg.Prefix != "" {
		return fmt.Errorf("statsd client: Config.NoPrefix contradicts Config.Prefix %q: set one of them", cfg.Prefix)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"FlushInterval", cfg.FlushInterval}, {"Aggregate", cfg.Aggregate}, {"Block", cfg.Block}, {"StatsInterval", cfg.StatsInterval},
		{"ReconnectDelay", cfg.ReconnectDelay}, {"ReconnectMax", cfg.ReconnectMax}, {"DialTimeout", cfg.DialTimeout}, {"WriteTimeout", cfg.WriteTimeout},
	} {
		if d.value < 0 {
			return fmt.Errorf("statsd client: Config.%s is negative: %v", d.name, d.value)
		}
	}
	return nil
}

// validateKey checks HMACKey.
func (cfg Config) validateKey() error {
	switch {
	case len(cfg.HMACKey) == 0:
		return nil
	case cfg.Network != "udp":
		return fmt.Errorf("statsd client: Config.HMACKey signs datagrams, and Config.Network is %q: set udp", cfg.Network)
	case len(bytes.TrimSpace(cfg.HMACKey)) < len(cfg.HMACKey):
		return errors.New("statsd client: Config.HMACKey has white space around it, such as the newline of a file: give the key alone")
	case cfg.MaxPacketSize > 0 && cfg.MaxPacketSize <= signedOverhead:
		return fmt.Errorf("statsd client: Config.MaxPacketSize is %d: a signature takes %d bytes of it", cfg.MaxPacketSize, signedOverhead)
	}
	return nil
}

const (
	maxUDP    = 65507 // an IPv4 packet without its IP and UDP headers
	maxPacket = 64 << 20
	maxQueue  = 1 << 20
)

func (cfg Config) withDefaults() Config {
	orElse(&cfg.Network, "tcp")
	orElse(&cfg.Address, "127.0.0.1")
	if !cfg.unix() {
		cfg.Address, _ = hostPort(cfg.Address)
	}
	if cfg.Network == "udp" {
		orElse(&cfg.MaxPacketSize, 1432)
	}
	orElse(&cfg.MaxPacketSize, 8192)
	orElse(&cfg.FlushInterval, 100*time.Millisecond)
	orElse(&cfg.QueueSize, 1000)
	orElse(&cfg.ReconnectDelay, time.Second)
	orElse(&cfg.ReconnectMax, max(30*time.Second, cfg.ReconnectDelay))
	orElse(&cfg.DialTimeout, 5*time.Second)
	orElse(&cfg.WriteTimeout, 10*time.Second)
	orElse(&cfg.LogEvery, 100)
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	return cfg
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (cfg Config) unix() bool     { return cfg.Network == "unix" || cfg.Network == "unixgram" }
func (cfg Config) datagram() bool { return cfg.Network == "udp" || cfg.Network == "unixgram" }
func (cfg Config) target() string { return cfg.Network + " " + cfg.Address }
