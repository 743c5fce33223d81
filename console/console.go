// Package console implements the management console of Etsy's statsd. People and load balancers send commands to it over
// TCP, to query the daemon and to delete names.
//
//	c, err := console.New(cfg, daemon) // binds the address
//	err = c.Run(ctx)                   // serves until ctx ends
//
// # Protocol
//
// A command is a line of words. An answer ends with END and an empty line. There are exceptions: the answer to "help"
// ends only with an empty line, and the answers to "health" and "config" have no end mark. The answer to an unknown
// command is ERROR. The connection stays open until the command "quit". Answers are byte for byte the same as the
// answers of Etsy's statsd 0.9 under Node.js 20, which formats counters, timers and gauges with util.inspect.
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

// Config is the configuration of a Console.
type Config struct {
	// Address is the host:port to listen on. An empty host means 127.0.0.1, and port 0 selects a free port.
	Address string
	// Down makes the console answer "down" to the command "health" at the start. The command "health up"
	// changes the answer.
	Down bool
	// Settings returns the settings that the command "config" shows. If Settings is nil, the command
	// shows none. Settings may be called by any goroutine at any time.
	Settings func() []Setting
	// Log receives messages about deletions and changes of the health answer, with the address of the client.
	Log zerolog.Logger
}

// Setting is a setting of the running daemon.
type Setting struct{ Name, Value string }

// Stat is a value in the answer to the command "stats".
type Stat struct {
	Name  string // name of the value, such as messages.bad_lines_seen
	Value float64
}

// Name is the name of a metric, with its values since the last flush.
type Name struct {
	Name string
	// Value is the sum of a counter, the value of a gauge, the number of members of a set, or the number of samples
	// of a timer.
	Value float64
	// Samples contains the first samples of a timer, at most 100. It is valid until the sequence yields the next
	// Name.
	Samples []float64
}

// Daemon is the daemon that a Console shows and changes. Its methods must be safe for concurrent use. If the
// daemon or ctx ends during an iteration, the last element of the sequence is an error.
type Daemon interface {
	// Stats returns the values for the command "stats", in order.
	Stats(ctx context.Context) ([]Stat, error)
	// Names yields each name of a kind that matches a pattern, once and in any order.
	Names(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[Name, error]
	// Delete deletes the names of a kind that match a pattern, with their values. It also deletes a name that is equal
	// to the text of the pattern, even if it contains special characters such as *. Delete yields each deleted name.
	Delete(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[string, error]
}

// Console is a console that is bound to its address. Make it with New.
type Console struct {
	daemon   Daemon
	settings func() []Setting
	log      zerolog.Logger
	down     atomic.Bool
	gate     *gate.Gate
	sessions sync.WaitGroup
	// long is held by the session that produces a long answer, except while it writes to its client. Only one
	// session at a time produces a long answer, so that the processors stay free for receiving lines.
	long sync.Mutex
}

// Validate returns an error that names the invalid flag.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Address)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return metric.FlagErrorf("--admin", c.Address, "must be HOST:PORT, a port, or off")
	}
	return nil
}

// New binds the address. Run serves clients. If Run is never called, call Close.
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

// Addr returns the address that the Console listens on.
func (c *Console) Addr() net.Addr { return c.gate.Addr() }

// Close closes the listener.
func (c *Console) Close() error { return c.gate.Close() }

// Run serves clients until ctx ends. It then closes all connections and waits for all its goroutines. It returns
// nil, unless serving failed before ctx ended.
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

// Shortages returns how often a client had to wait because no file descriptor was free.
func (c *Console) Shortages() uint64 { return c.gate.Shortages() }
