// Package console is the management console of Etsy's statsd: commands over TCP, by
// which people and load balancers look at a daemon, and delete names.
//
//	c, err := console.New(cfg, daemon) // binds
//	err = c.Run(ctx)                   // serves until ctx ends
//
// # Protocol
//
// A command is a line of words. The answer ends with END and an empty line; that to help
// with an empty line alone, those to health and config with the last line that they have, and ERROR is
// the answer to what is no command. The connection stays open for the next command until quit. Answers have the bytes that those
// of Etsy's statsd 0.9 have under Node.js 20, whose util.inspect lays out counters, timers
// and gauges.
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
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/metric"
)

// Config says where a Console listens.
type Config struct {
	// Address is the host:port to bind; an empty host is 127.0.0.1, and port 0 picks one
	// that is free.
	Address string
	// Down is what health answers until somebody says health up.
	Down bool
	// Settings returns what config shows; nil is for none. It can be called at any time from any
	// goroutine.
	Settings func() []Setting
	// Log is told who deleted names, and who changed the health.
	Log zerolog.Logger
}

// Setting is one of the running settings.
type Setting struct{ Name, Value string }

// Stat is one of the numbers that stats shows.
type Stat struct {
	Name  string // such as messages.bad_lines_seen
	Value float64
}

// Name is what a name has collected since the last flush.
type Name struct {
	Name string
	// Value is a counter's sum, a gauge's value, or the number of a set's members or of a
	// timer's samples.
	Value float64
	// Samples are the first of a timer's samples, 100 or all. They are borrowed until the next Name.
	Samples []float64
}

// Daemon is what a Console shows and changes. Its methods are called by many goroutines
// at a time. A sequence ends with an error when the daemon or ctx ends before it does.
type Daemon interface {
	// Stats returns what stats shows, in order.
	Stats(ctx context.Context) ([]Stat, error)
	// Names yields the names of a kind that a pattern matches, each once, in any order.
	Names(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[Name, error]
	// Delete forgets the names of a kind that a pattern matches, or the one that it is, and what
	// they have collected, and yields each that is gone.
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
	// long is held by the session that makes a long answer, but not while it writes:
	// receiving is not to have many of them beside it.
	long sync.Mutex
}

// Validate says what is wrong with the configuration, and names the flag.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Address)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return metric.FlagErrorf("--admin", c.Address, "want HOST:PORT, a port, or off")
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
	c := &Console{daemon: daemon, settings: cfg.Settings, log: cfg.Log, gate: g}
	c.down.Store(cfg.Down)
	return c, nil
}

// Addr returns the bound address.
func (c *Console) Addr() net.Addr { return c.gate.Addr() }

// Close lets go of the address.
func (c *Console) Close() error { return c.gate.Close() }

// Run serves until ctx ends, cuts all connections, and returns when everything it started
// has ended: nil, unless it could not go on serving.
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
		case outOfFiles(err):
			// What there is must go on.
			c.log.Error().Err(err).Msg("accept a connection to the console")
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return nil
			}
		default:
			_ = c.gate.Close()
			return fmt.Errorf("console on %s: %w", c.Addr(), err)
		}
	}
}

func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}
