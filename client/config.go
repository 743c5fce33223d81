package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Config says where a client sends and how. The zero Config sends over TCP to
// 127.0.0.1:8125.
type Config struct {
	// Network is "tcp" (the default), "udp", "unix" (a stream of lines) or
	// "unixgram". This project's server has no unix sockets; that of Datadog's
	// agent is "unixgram", and its stream, with a length before each packet, is
	// not spoken here.
	Network string

	// Address is a host, a host:port (port 8125 if it is missing) or, for the
	// unix networks, the path of the socket. A host name is looked up again at
	// each connection, and for UDP once a minute.
	Address string

	// Prefix and Tags are added to everything that is sent. A tag is "key:value"
	// or a bare word; tags are written as "|#a,b", which servers without tags
	// may discard together with the line.
	Prefix string
	Tags   []string

	// TypePrefixes puts "counters.", "gauges.", "timers." or "sets." between
	// Prefix and the name, as sprockets-statsd does. Histograms and
	// distributions are timers. [Client.Inject] leaves the name alone.
	TypePrefixes bool

	// MaxPacketSize is the largest payload of a datagram, and of a write to a
	// stream, in bytes: 1432 by default for UDP, which fits an Ethernet frame
	// (8932 fits a jumbo frame, 65507 is the most that UDP carries), and 8192
	// for the others, which take up to 64 MiB. A longer line is dropped, never
	// split.
	MaxPacketSize int

	// FlushInterval is how long a line waits for its packet to fill: 100 ms by
	// default.
	FlushInterval time.Duration

	// QueueSize is how many full packets wait for the server: 1000 by default, at
	// most 1048576. They take at most (QueueSize+2) x MaxPacketSize bytes, and are
	// let go of when the queue is empty.
	QueueSize int

	// DropOldest makes room in a full queue by dropping its oldest packet.
	// Otherwise new lines are dropped until there is room.
	DropOldest bool

	// Aggregate, if not zero, merges samples of one name, tags and rate for this
	// long before they are queued: counters are summed, a gauge keeps its last
	// value, equal set members are sent once, and the values of timers,
	// histograms and distributions share a line ("t:1:2:3|ms"). Not every server
	// reads such lines; this project's and those of the DogStatsD family do. It
	// should not exceed the server's flush interval. Up to 4096 names, 65536 set
	// members and some 65536 values of timers that the sender has yet to encode
	// are held at a time, the others are sent as they come.
	Aggregate time.Duration

	// ReconnectDelay is the wait after a first failed connection: 1 s by
	// default. It doubles with each further failure up to ReconnectMax, 30 s by
	// default; the actual wait is between half of it and all of it.
	ReconnectDelay time.Duration
	ReconnectMax   time.Duration

	// DialTimeout bounds one attempt to connect, name lookup included: 5 s by
	// default. WriteTimeout is how long the server may refuse to take a packet
	// before the connection is given up: 10 s by default. The line that this cuts
	// is sent again, and may be counted twice by a server that takes the last of
	// a connection for a whole line.
	DialTimeout  time.Duration
	WriteTimeout time.Duration

	// Log, if set, is given one line for each failed connection, each second in
	// which lines were dropped for each reason, and each recovery, which UDP does
	// not show. Of a series of failures the first LogEvery are told, then each
	// LogEvery-th: 100 by default. A goroutine of its own calls it, so it may
	// block; what it then misses is counted.
	Log      func(line string)
	LogEvery int

	// Dial, if set, is called in place of [net.Dialer.DialContext]: for TLS, a
	// proxy, or a test.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Disabled makes [New] return a client that does nothing.
	Disabled bool

	// Service and Environment give the prefix "applications.SERVICE.ENVIRONMENT"
	// to [Config.FromEnv] where the environment has none.
	Service, Environment string

	pythonTimings bool // whole milliseconds as "250.0"
}

// Validate reports the first setting that cannot be used. [New] calls it.
func (cfg Config) Validate() error {
	switch cfg.Network {
	case "", "tcp", "udp":
	case "unix", "unixgram":
		if cfg.Address == "" {
			return fmt.Errorf("statsd client: Config.Address is empty: network %q needs the path of a socket", cfg.Network)
		}
	default:
		return fmt.Errorf("statsd client: Config.Network is %q: want tcp, udp, unix or unixgram", cfg.Network)
	}
	if _, ok := hostPort(cfg.Address); !ok && cfg.Address != "" && !cfg.unix() {
		return fmt.Errorf("statsd client: Config.Address is %q: want a host, or host:port with a port from 1 to 65535", cfg.Address)
	}
	if cfg.Network == "udp" && cfg.MaxPacketSize > maxUDP {
		return fmt.Errorf("statsd client: Config.MaxPacketSize is %d: UDP carries at most %d bytes", cfg.MaxPacketSize, maxUDP)
	}
	if cfg.MaxPacketSize < 0 || cfg.QueueSize < 0 || cfg.LogEvery < 0 {
		return errors.New("statsd client: Config.MaxPacketSize, QueueSize and LogEvery must not be negative")
	}
	if cfg.MaxPacketSize > maxPacket || cfg.QueueSize > maxQueue {
		return fmt.Errorf("statsd client: Config.MaxPacketSize is %d, QueueSize %d: want at most %d and %d", cfg.MaxPacketSize, cfg.QueueSize, maxPacket, maxQueue)
	}
	for _, d := range []time.Duration{cfg.FlushInterval, cfg.Aggregate, cfg.ReconnectDelay, cfg.ReconnectMax, cfg.DialTimeout, cfg.WriteTimeout} {
		if d < 0 {
			return fmt.Errorf("statsd client: Config has a negative duration %v", d)
		}
	}
	return nil
}

const (
	maxUDP    = 65507 // an IPv4 packet less its IP and UDP headers
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
