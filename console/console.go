// Package console is the management console of Etsy's statsd: people and load balancers send
// commands over TCP, to look at a daemon and to delete names.
//
//	c, err := console.New(cfg, daemon) // binds
//	err = c.Run(ctx)                   // serves until ctx ends
//
// # Protocol
//
// A command is a line of words. An answer ends with END and an empty line. The answer to help ends
// with an empty line only, and the answers to health and config have no end mark. The answer to an
// unknown command is ERROR. The connection stays open until quit. Answers have the same bytes as the answers of Etsy's statsd
// 0.9 under Node.js 20, whose util.inspect formats counters, timers and gauges.
package console

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/metric"
)

// Config configures a Console.
type Config struct {
	// Address is the host:port to bind. An empty host is 127.0.0.1; port 0 picks a free one.
	Address string
	// Down is the first answer to health; "health up" changes it.
	Down bool
	// Settings returns the settings that config shows; nil shows none. Any goroutine may call
	// it at any time.
	Settings func() []Setting
	// Log records deletions and changes of the health, with the client.
	Log zerolog.Logger
}

// Setting is one of the running settings.
type Setting struct{ Name, Value string }

// Stat is one of the numbers of the stats command.
type Stat struct {
	Name  string // such as messages.bad_lines_seen
	Value float64
}

// Name is a name, and its values since the last flush.
type Name struct {
	Name string
	// Value is the sum of a counter, the value of a gauge, or the number of members of a set or
	// of samples of a timer.
	Value float64
	// Samples are the first samples of a timer, at most 100. They are valid until the next Name.
	Samples []float64
}

// Daemon is the daemon that a Console shows and changes. Many goroutines call its methods at once.
// A sequence ends with an error if the daemon or ctx ends first.
type Daemon interface {
	// Stats returns the numbers that stats shows, in order.
	Stats(ctx context.Context) ([]Stat, error)
	// Names yields the names of a kind that match a pattern, each once, in any order.
	Names(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[Name, error]
	// Delete deletes the names of a kind that match a pattern or equal it, with their values, and
	// yields each deleted name.
	Delete(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[string, error]
}

// Console is a bound console. Make it with New.
type Console struct {
	daemon   Daemon
	settings func() []Setting
	log      zerolog.Logger
	down     atomic.Bool
	gate     *gate.Gate
	sessions sync.WaitGroup
	// long is held by the session that is producing a long answer, except while it writes. Only one session at a time
	// does this, so that the processors stay free for the receivers.
	long sync.Mutex
}

// Validate returns an error that names the flag at fault.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Address)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return metric.FlagErrorf("--admin", c.Address, "must be HOST:PORT, a port, or off")
	}
	return nil
}

// New binds the address. Run serves it; a Console that is not run must be closed.
func New(cfg Config, daemon Daemon) (*Console, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(cfg.Address)
	if host == "" {
		host = "127.0.0.1"
	}
	g, err := gate.Listen(net.JoinHostPort(host, port))
	if err != nil {
		return nil, metric.FlagErrorf("--admin", cfg.Address, "%w", err)
	}
	g.Tell = func(err error) {
		cfg.Log.Error().Err(err).Msg("the console cannot accept connections: too many files are open (raise LimitNOFILE or ulimit -n)")
	}
	c := &Console{daemon: daemon, settings: cfg.Settings, log: cfg.Log, gate: g}
	c.down.Store(cfg.Down)
	return c, nil
}

// Addr returns the bound address.
func (c *Console) Addr() net.Addr { return c.gate.Addr() }

// Close closes the listener.
func (c *Console) Close() error { return c.gate.Close() }

// Run serves until ctx ends, then cuts all connections and waits for everything it started. It
// returns an error only if it cannot continue.
func (c *Console) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer c.sessions.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.gate.Close() })()
	for {
		conn, err := c.gate.Accept()
		switch {
		case err == nil:
			c.sessions.Go(func() { c.serve(ctx, conn.(*gate.Conn)) })
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			_ = c.gate.Close()
			return fmt.Errorf("console on %s: %w", c.Addr(), err)
		}
	}
}

// Shortages returns how often no file descriptor was free for a client.
func (c *Console) Shortages() uint64 { return c.gate.Shortages() }
