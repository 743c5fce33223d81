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

// Config configures where and how a client sends. The zero Config sends over TCP to 127.0.0.1:8125.
type Config struct {
	// Network is "tcp" (the default), "udp", "unix" (a stream of lines) or "unixgram". This project's server has
	// listeners unix:// and unixgram:// for the last two. With Datadog's agent, use "unixgram": the stream protocol
	// of the agent has a length before each packet, which this client does not send.
	Network string

	// Address is a host, or a host:port (the default port is 8125). For the unix networks, it is the path of the
	// socket. The client resolves a host name at each connect, and for UDP once a minute.
	Address string

	// Prefix and Tags are added to all samples. A tag is "key:value" or a single word. Tags are sent in the form
	// "|#a,b". Servers that do not support tags may discard lines with tags.
	Prefix string
	Tags   []string

	// TypePrefixes adds "counters.", "gauges.", "timers." or "sets." between Prefix and the name, like
	// sprockets-statsd. Histograms and distributions get "timers.". [Client.Inject] adds no type prefix.
	TypePrefixes bool

	// MaxPacketSize is the maximum payload of a datagram, or of a write to a stream, in bytes. The default for UDP
	// is 1432, which fits into an Ethernet frame. (8932 fits into a jumbo frame, and 65507 is the limit of UDP.) For
	// the other networks, the default is 8192, and the limit is 64 MiB. A line that is longer is dropped, never
	// split.
	MaxPacketSize int

	// OneLine sends each line in its own datagram. It is for servers that read only one line per datagram. It needs the
	// network "udp" or "unixgram". It costs more on both sides. The packets in the queue still contain several lines,
	// and have room for at least 8192 bytes. MaxPacketSize limits the length of a line.
	//
	// On Linux, one system call sends up to 64 lines of the same length, and the kernel splits them into datagrams
	// (UDP_SEGMENT). For this, the client sorts the lines of a packet by length. Lines of gauges, and of types that are
	// sent with [Client.Inject], stay in order. On other systems, and on routes that do not support UDP_SEGMENT, each
	// line needs a system call.
	//
	// A negative gauge needs two datagrams, and one of them can get lost. The server receives datagrams in fast bursts.
	// A socket with the usual buffer of 208 KiB can hold 277 small datagrams, so increase the buffer if the server
	// reads slowly.
	OneLine bool

	// HMACKey, if not empty, is the key for signing datagrams with HMAC-SHA256. It needs the network "udp". The
	// receiver is a listener udp+hmac:// of this project's server, or brubeck's statsd-secure. The signature uses 44
	// bytes of MaxPacketSize. It contains the current time, so the server refuses datagrams from a host with a wrong
	// clock. The key file of the server must contain the same key. HMACKey must not have white space at its start or
	// end.
	HMACKey []byte

	// FlushInterval is the maximum time that a line waits for more lines. After this time, its packet is sent even if the
	// packet is not full. The default is 100 ms.
	FlushInterval time.Duration

	// QueueSize is the maximum number of full packets that wait for the server. The default is 1000, and the maximum
	// is 1048576. The packets use up to (QueueSize+2) x MaxPacketSize bytes. With OneLine, a packet has at least
	// 8192 bytes. With both Block and Aggregate, up to 64 additional packets can wait. The memory is freed when the
	// queue is empty.
	QueueSize int

	// Block is the maximum time that a call waits for room in a full queue. With Block, a batch job loses no samples. When
	// BlockContext is done, all calls stop waiting. If only BlockContext is set, the waiting time has no other limit. If
	// both are zero, calls never wait: when the queue is full, lines are dropped. If a call has waited without success,
	// further calls drop their lines immediately, until the server accepts a packet. A dead server therefore delays the
	// program by the time Block only once, not once per call.
	Block        time.Duration
	BlockContext context.Context

	// DropOldest drops the oldest packet when the queue is full and the time Block is over. Without DropOldest, the
	// new lines are dropped.
	DropOldest bool

	// Aggregate, if not zero, is the time for which samples are merged before they are queued. Samples are merged if
	// they have the same name, tags and rate. Counters are summed, and a gauge keeps its last value. Equal set
	// members are sent once. Several values of a timer, histogram or distribution are sent in one line
	// ("t:1:2:3|ms"), which this project's server and the DogStatsD family can parse. Some other servers cannot.
	// Aggregate should not be longer than the server's flush interval. The client holds up to 4096 names, 65536 set
	// members, and about 65536 values that wait to be encoded. Additional samples are sent without merging.
	Aggregate time.Duration

	// ReconnectDelay is the pause after the first failed connection. The default is 1 s. The pause is doubled after
	// each further failure, up to ReconnectMax, which is 30 s by default. The actual pause is a random time between
	// half of this pause and the whole pause.
	ReconnectDelay time.Duration
	ReconnectMax   time.Duration

	// DialTimeout limits an attempt to connect, including the name resolution. The default is 5 s. WriteTimeout is
	// the maximum time for sending a packet, after which the client closes the connection. The default is 10 s. If a
	// line was sent only in part, the whole line is sent again on the next connection. A server that accepts the
	// incomplete last line of a connection may count this line twice.
	DialTimeout  time.Duration
	WriteTimeout time.Duration

	// Log, if set, is called with a line for each failed connection and each recovery. (UDP has no recoveries.) Once
	// a second, it is also called for each reason for which samples were dropped. In a series of failures, the first
	// LogEvery failures are logged, and then one in LogEvery failures. The default of LogEvery is 100. Log is called
	// in a separate goroutine and may block. If it is too slow, lines are left out and counted. Logger receives the
	// same lines as Log.
	Log      func(line string)
	Logger   *slog.Logger
	LogEvery int

	// StatsInterval, if not zero, is the interval for sending the client's own [Stats]. The stats are
	// sent as counters such as statsd_client.sent and statsd_client.dropped.queue_full (numbers of
	// samples), and as the gauge statsd_client.queued (number of lines). The lines with the stats do
	// not use the queue, and Close sends them for the last time. Each process should have a different
	// Prefix or different Tags, so that its stats can be distinguished.
	StatsInterval time.Duration

	// Dial, if set, replaces [net.Dialer.DialContext]. It can be used for TLS, a proxy, or a test. If Dial or a
	// method of the connection panics, this counts as a failed connection. For TLS, set Dial to (&tls.Dialer{Config:
	// c}).DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Disabled makes [New] return a client that does nothing.
	Disabled bool

	// The following settings are only for [Config.FromEnv]. If Enabled is set, FromEnv ignores STATSD_ENABLED, and
	// returns an error if no server is set. If NoPrefix is set, names get no prefix. If STATSD_PREFIX is not set, the
	// prefix is "applications.SERVICE.ENVIRONMENT" with the values of Service and Environment.
	Enabled, NoPrefix    bool
	Service, Environment string

	pythonTimings bool // format whole milliseconds as "250.0"
}

// Validate returns an error for the first invalid setting. [New] calls it.
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
		return fmt.Errorf("statsd client: Config.MaxPacketSize is %d, which is too small for a signed datagram: the signature alone takes %d bytes", cfg.MaxPacketSize, signedOverhead)
	}
	return nil
}

const (
	maxUDP    = 65507 // the maximum size of an IPv4 packet minus its IP and UDP headers
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
