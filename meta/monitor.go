package meta

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
)

// answerTimeout is for an answer of 100,000 values, which is about 20 MB.
const answerTimeout = 10 * time.Second

// MonitorConfig says where a Monitor listens.
type MonitorConfig struct {
	// Host is the address to bind; "" is 127.0.0.1. On a loopback address the
	// monitor answers only requests made to localhost, 127.0.0.1, [::1] or
	// that address; any other address opens it to all who reach it.
	Host string
	Port int // 0 picks a free one, see Monitor.Addr
	// Version is the daemon's, for the page.
	Version string
	// OwnPrefix is the prefix under which the daemon publishes its own figures,
	// which the page does not list among the values; "" when it does not.
	OwnPrefix string
	// ErrorLog gets what goes wrong inside the monitor, such as a panic while
	// answering. What clients do wrong is not logged. nil drops it.
	ErrorLog *log.Logger
}

// Validate says what is wrong with the configuration, and names the flag.
func (c MonitorConfig) Validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("--monitor-port=%d: want a port from 0 to 65535", c.Port)
	}
	return nil
}

// Monitor answers XML-RPC on every path, and serves /healthz and a status page
// at /. Make it with NewMonitor.
type Monitor struct {
	source  Source
	values  *Values
	version string
	own     string // what the daemon's own paths start with; "" for none
	server  *httpgate.Server
}

// NewMonitor binds the address. Run serves it; a Monitor that is not run must
// be closed.
func NewMonitor(cfg MonitorConfig, source Source, values *Values) (*Monitor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host := cfg.Host
	if host == "" {
		host = "127.0.0.1"
	}
	m := &Monitor{source: source, values: values, version: cfg.Version}
	if cfg.OwnPrefix != "" {
		m.own = cfg.OwnPrefix + "."
	}
	var err error
	m.server, err = httpgate.Listen(httpgate.Config{
		Addr:          net.JoinHostPort(host, strconv.Itoa(cfg.Port)),
		Handler:       m.handler(),
		AnswerTimeout: answerTimeout,
		ErrorLog:      cfg.ErrorLog,
		Flag:          "--monitor-host",
	})
	switch { // which flag is to be changed
	case errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("--monitor-port %d: %w", cfg.Port, err)
	case err != nil:
		return nil, fmt.Errorf("--monitor-host %s: %w", host, err)
	}
	return m, nil
}

// Addr returns the bound address.
func (m *Monitor) Addr() net.Addr { return m.server.Addr() }

// Run serves until ctx ends, gives answers under way a moment to finish, and
// returns when everything it started has ended: nil, unless it could not go on
// serving.
func (m *Monitor) Run(ctx context.Context) error {
	if err := m.server.Run(ctx); err != nil {
		return fmt.Errorf("monitor on %s: %w", m.Addr(), err)
	}
	return nil
}

// Close lets go of the address, and cuts off what is being answered.
func (m *Monitor) Close() error { return m.server.Close() }
