package meta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
)

// How long a client may take. An answer of 100,000 values is about 20 MB.
const (
	headerTimeout = 3 * time.Second
	readTimeout   = 4 * time.Second
	writeTimeout  = 10 * time.Second
	// stopTimeout is how long answers may go on once the monitor is stopped.
	stopTimeout = 500 * time.Millisecond
	maxHeader   = 8 << 10 // bytes
)

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
	gate    *gate.Gate
	server  *http.Server
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
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, listenError(host, cfg.Port, err)
	}
	m := &Monitor{source: source, values: values, version: cfg.Version, gate: gate.New(listener.(*net.TCPListener))}
	if cfg.OwnPrefix != "" {
		m.own = cfg.OwnPrefix + "."
	}
	m.server = &http.Server{
		Handler:           m.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          errorLog(cfg.ErrorLog),
	}
	// A connection that is kept open for a next request takes another's place.
	m.server.SetKeepAlivesEnabled(false)
	m.gate.Watch(m.server)
	return m, nil
}

// listenError begins with the flag to change.
func listenError(host string, port int, err error) error {
	flag := fmt.Sprintf("--monitor-port %d", port)
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		flag = "--monitor-host " + host
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return fmt.Errorf("%s: listen on tcp %s: %w", flag, net.JoinHostPort(host, strconv.Itoa(port)), err)
}

func errorLog(l *log.Logger) *log.Logger {
	if l == nil {
		return log.New(io.Discard, "", 0)
	}
	return l
}

// Addr returns the bound address.
func (m *Monitor) Addr() net.Addr { return m.gate.Addr() }

// Run serves until ctx ends, gives answers under way a moment to finish, and
// returns when everything it started has ended: nil, unless it could not go on
// serving.
func (m *Monitor) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- m.server.Serve(m.gate) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.Background(), stopTimeout)
		_ = m.server.Shutdown(grace)
		cancel()
	}
	_ = m.Close()
	m.gate.Wait()
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("monitor on %s: %w", m.Addr(), err)
}

// Close lets go of the address, and cuts off what is being answered.
func (m *Monitor) Close() error {
	return errors.Join(m.server.Close(), m.gate.Close())
}
