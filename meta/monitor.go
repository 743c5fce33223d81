package meta

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// MonitorConfig says where a Monitor listens.
type MonitorConfig struct {
	// Host is the address to bind; "" is 127.0.0.1. On a loopback address the
	// monitor answers only requests made to localhost, 127.0.0.1 or [::1];
	// any other address opens it to all who reach it.
	Host string
	Port int // 0 picks a free one, see Monitor.Addr
	// Version is the daemon's, for the page.
	Version string
}

// Validate says what is wrong with the configuration, and names the flag.
func (c MonitorConfig) Validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("--monitor-port=%d: want a port from 0 to 65535", c.Port)
	}
	return nil
}

// Monitor answers XML-RPC, and serves /healthz and a status page, until it is
// stopped.
type Monitor struct {
	cfg      MonitorConfig
	source   Source
	values   *Values
	listener net.Listener
}

// NewMonitor binds the address. Run serves it; a Monitor that is not run must
// be closed.
func NewMonitor(cfg MonitorConfig, source Source, values *Values) (*Monitor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Host == "" {
		cfg.Host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	return &Monitor{cfg: cfg, source: source, values: values, listener: listener}, nil
}

// Addr returns the bound address.
func (m *Monitor) Addr() net.Addr { return m.listener.Addr() }

// Run serves until ctx ends, and returns when everything it started has ended.
func (m *Monitor) Run(ctx context.Context) error {
	<-ctx.Done()
	return m.Close()
}

// Close lets go of the address, and ends what is being answered.
func (m *Monitor) Close() error { return m.listener.Close() }
