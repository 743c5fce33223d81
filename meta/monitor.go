package meta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/api"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

// answerTimeout is long enough for 100,000 values, about 20 MB.
const answerTimeout = 10 * time.Second

// MonitorConfig configures a Monitor.
type MonitorConfig struct {
	// Host is the address to bind; "" is 127.0.0.1. On a loopback address the
	// monitor answers only requests for localhost, 127.0.0.1, [::1] or that
	// address. Any other address opens the monitor to everyone who can reach that address.
	Host string
	Port int // 0 picks a free one, see Monitor.Addr
	// Version of the daemon, for the page and /metrics.
	Version string
	// OwnPrefix is the prefix of the daemon's own published figures, or "" if there are none. The
	// page does not list these figures among the values.
	OwnPrefix string
	// Questions can be asked as JSON and over XML-RPC. XML-RPC also has its own older methods. Changes can be made as
	// JSON only.
	Questions []question.Question
	Changes   []question.Change
	// Names writes all names that are held, each as its kind, a space, and the name, for /names. nil: there is no
	// such path.
	Names func(ctx context.Context, w io.Writer) error
	// Guard decides who may ask and change; nil means a Guard without tokens. Trail keeps the requested changes; nil
	// keeps none.
	Guard *access.Guard
	Trail *access.Trail
	// Stamp and Events tell of flushes and of changes of the health: see api.Config. Both may be nil.
	Stamp  func() string
	Events question.Events
	// Certificate makes the monitor speak TLS; nil is plain HTTP.
	Certificate *httpgate.Certificate
	// Episodes are the history of the health; nil for none.
	Episodes *Episodes
	// ErrorLog receives internal errors, such as a panic while answering. Errors of clients are not
	// logged. nil drops all.
	ErrorLog *log.Logger
}

// Validate returns an error that names the flag at fault.
func (c MonitorConfig) Validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return metric.FlagErrorf("--monitor-port", c.Port, "must be a port from 0 to 65535")
	}
	return nil
}

// Monitor answers XML-RPC on every path. It serves a status page at /, /metrics for
// Prometheus, /healthz, /livez and /readyz for probes, and the JSON API below api.Root. Make it with
// NewMonitor.
type Monitor struct {
	source    Source
	values    Values
	episodes  *Episodes
	questions []question.Question
	version   string
	own       string // start of the daemon's own paths; "" for none
	guard     *access.Guard
	api       *api.API
	names     func(context.Context, io.Writer) error
	naming    sync.Mutex // locked while a client reads the names
	server    *httpgate.Server
}

// Shortages returns how often no file descriptor was free for a client.
func (m *Monitor) Shortages() uint64 { return m.server.Shortages() }

// NewMonitor binds the address. Run serves it. A Monitor that is never run must
// be closed.
func NewMonitor(cfg MonitorConfig, source Source, values Values) (*Monitor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host := cfg.Host
	if host == "" {
		host = "127.0.0.1"
	}
	m := &Monitor{source: source, values: values, episodes: cfg.Episodes, questions: cfg.Questions, version: cfg.Version, names: cfg.Names}
	if m.episodes == nil {
		m.episodes = NewEpisodes("")
	}
	if cfg.OwnPrefix != "" {
		m.own = cfg.OwnPrefix + "."
	}
	m.openAPI(&cfg)
	var err error
	m.server, err = httpgate.Listen(httpgate.Config{
		Addr:          net.JoinHostPort(host, strconv.Itoa(cfg.Port)),
		Handler:       m.handler(),
		AnswerTimeout: answerTimeout,
		ErrorLog:      cfg.ErrorLog,
		Flag:          "--monitor-host",
		Certificate:   cfg.Certificate,
	})
	switch { // name the flag to change
	case errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES):
		return nil, metric.FlagErrorf("--monitor-port", cfg.Port, "%w", err)
	case err != nil:
		return nil, metric.FlagErrorf("--monitor-host", host, "%w", err)
	}
	m.guard.Bound(m.Addr())
	return m, nil
}

func (m *Monitor) openAPI(cfg *MonitorConfig) {
	if m.guard = cfg.Guard; m.guard == nil {
		m.guard = access.NewGuard(nil)
	}
	if cfg.Trail == nil {
		cfg.Trail = &access.Trail{}
	}
	m.api = api.New(api.Config{
		Questions: cfg.Questions, Changes: cfg.Changes, Guard: m.guard, Trail: cfg.Trail,
		Stamp: cfg.Stamp, Events: cfg.Events, ErrorLog: cfg.ErrorLog,
	})
}

// API returns what the JSON API counts.
func (m *Monitor) API() api.Counts { return m.api.Counts() }

// Addr returns the bound address.
func (m *Monitor) Addr() net.Addr { return m.server.Addr() }

// Run serves until ctx ends. It gives running answers a moment to finish, and
// returns when everything it started has ended. The error is nil unless it could
// not continue to serve.
func (m *Monitor) Run(ctx context.Context) error {
	defer m.api.Close()
	if err := m.server.Run(ctx); err != nil {
		return fmt.Errorf("monitor on %s: %w", m.Addr(), err)
	}
	return nil
}

// Close releases the address and interrupts running answers.
func (m *Monitor) Close() error { return m.server.Close() }
