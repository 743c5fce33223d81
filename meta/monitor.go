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

// answerTimeout is the time to send an answer. It is long enough for 100,000 values, which have
// about 20 MB.
const answerTimeout = 10 * time.Second

// MonitorConfig configures a Monitor.
type MonitorConfig struct {
	// Host is the address to bind. "" means 127.0.0.1. On a loopback address, the monitor only
	// answers requests for the hosts localhost, 127.0.0.1, [::1] and Host. On any other address,
	// everyone who can reach the address can use the monitor, unless Guard requires a token.
	Host string
	Port int // 0 chooses a free port; see Monitor.Addr
	// Version is the version of the daemon. The page and /metrics show it.
	Version string
	// OwnPrefix is the prefix of the daemon's own published figures, or "" if they are not published.
	// The page does not show these figures among the values.
	OwnPrefix string
	// Questions are the queries that the monitor answers as JSON and over XML-RPC. XML-RPC also has some older methods.
	// Changes are the requests that change the daemon. Only the JSON API has them.
	Questions []question.Question
	Changes   []question.Change
	// Names answers the path /names: it writes all names that are in the daemon's table. Each line has a kind, a space,
	// and a name. If Names is nil, the path does not exist.
	Names func(ctx context.Context, w io.Writer) error
	// Guard decides which requests are allowed. If Guard is nil, the monitor has no tokens: it accepts no changes, and
	// it answers guarded queries only if other machines cannot reach it. Trail keeps the changes that operators
	// request. If Trail is nil, they are not kept.
	Guard *access.Guard
	Trail *access.Trail
	// Stamp and Events are for the JSON API: see api.Config. Both may be nil.
	Stamp  func() string
	Events question.Events
	// Certificate is the certificate for TLS. If it is nil, the monitor uses plain HTTP.
	Certificate *httpgate.Certificate
	// Episodes is the history of the daemon's health. If it is nil, the page shows none.
	Episodes *Episodes
	// ErrorLog gets internal errors, such as a panic during an answer. Errors of clients are not
	// logged. If ErrorLog is nil, the errors are dropped.
	ErrorLog *log.Logger
}

// Validate returns an error if a setting is not valid. The error names the flag of the setting.
func (c MonitorConfig) Validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return metric.FlagErrorf("--monitor-port", c.Port, "must be a port from 0 to 65535")
	}
	return nil
}

// Monitor is the HTTP server for operators. It serves XML-RPC on every path, a live page at /,
// /metrics for Prometheus, /healthz, /livez and /readyz for probes, and the JSON API below
// api.Root. NewMonitor creates it.
type Monitor struct {
	source    Source
	values    Values
	episodes  *Episodes
	questions []question.Question
	version   string
	own       string // prefix of the names of the daemon's own published figures; "" if they are not published
	guard     *access.Guard
	api       *api.API
	names     func(context.Context, io.Writer) error
	naming    sync.Mutex // locked while a client reads /names
	server    *httpgate.Server
}

// Shortages returns how often no file descriptor was free for a client's connection.
func (m *Monitor) Shortages() uint64 { return m.server.Shortages() }

// NewMonitor binds the address. Run then serves requests. If Run is not called, Close must be
// called.
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
	switch { // the error names the flag that must be changed
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

// API returns the counts of the JSON API.
func (m *Monitor) API() api.Counts { return m.api.Counts() }

// Addr returns the bound address.
func (m *Monitor) Addr() net.Addr { return m.server.Addr() }

// Run serves requests until ctx ends. It then waits a short time for running answers, and returns
// when everything that it started has ended. It returns an error only if it cannot continue to
// serve.
func (m *Monitor) Run(ctx context.Context) error {
	defer m.api.Close()
	if err := m.server.Run(ctx); err != nil {
		return fmt.Errorf("monitor on %s: %w", m.Addr(), err)
	}
	return nil
}

// Close releases the address, and interrupts running answers.
func (m *Monitor) Close() error { return m.server.Close() }
