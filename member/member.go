// Package member is a daemon's part in a cluster. An edge forwards the data that the daemon receives. An
// owner collects from edges. A daemon can be both.
//
//	m, err := member.Open(config)   // connects
//	settings, err := m.Edge().Join(ctx)
//	err = m.Collect(ctx)            // owns partitions until ctx ends
//	m.Answer(sinks)                 // for people
//	m.Facts()                       // for the health
//	err = m.Close()
//
// The zero Config is a member of no cluster: it forwards and collects nothing.
package member

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/forward"
)

// Config configures a Member.
type Config struct {
	Cluster collect.Cluster // the cluster to collect from
	// Target says where this daemon forwards. By default an owner forwards the data that it receives itself to
	// the cluster that it collects from.
	Target    forward.Target
	Interval  time.Duration // between two flushes
	Tags      string        // the daemon's --tags
	Cache     string        // the file that keeps the settings of the cluster, or ""
	Table     aggregate.Config
	Publisher collect.Publisher // limits for the collected data
	Log       zerolog.Logger
}

// Member is a daemon's part in a cluster. Make it with Open.
type Member struct {
	Config
	edge       *forward.Edge       // nil if it does not forward
	connection *collect.Connection // nil if it does not collect

	owner atomic.Pointer[collect.Owner]
	fault atomic.Pointer[error] // why the cluster cannot be joined now
	table atomic.Pointer[aggregate.Config]
}

// Open connects to the clusters of the configuration. After an error it is connected to none.
func Open(cfg Config) (*Member, error) {
	m := &Member{Config: cfg}
	m.SetLimits(cfg.Table)
	if err := m.openOwner(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if m.Target = m.target(); m.Target.ForwardTo == "" {
		return m, nil
	}
	var err error
	m.edge, err = forward.New(forward.Config{Target: m.Target, Interval: cfg.Interval, Tags: cfg.Tags, Cache: cfg.Cache, Log: cfg.Log})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// target returns the cluster to forward to.
func (m *Member) target() forward.Target {
	t := m.Target
	if m.connection == nil {
		return t
	}
	t.ForwardOnly = true
	if t.ForwardTo == "" {
		t.ForwardTo, t.ForwardID, t.Connect = m.Cluster.CollectFrom, m.Cluster.CollectID, m.connection.Sender
	}
	return t
}

// SetLimits replaces the limits for the tables that merge the collected data.
func (m *Member) SetLimits(table aggregate.Config) { m.table.Store(&table) }

// Edge returns the edge, or nil. The caller must close it.
func (m *Member) Edge() *forward.Edge { return m.edge }

// Collects reports whether the daemon is an owner.
func (m *Member) Collects() bool { return m.connection != nil }

// Waits returns why the edge does not take samples yet, or "".
func (m *Member) Waits() string {
	if m.edge == nil {
		return ""
	}
	return textOf(m.edge.Waits())
}

// Close disconnects from the cluster that this daemon collects from.
func (m *Member) Close() error {
	if m.connection == nil {
		return nil
	}
	return m.connection.Engine.Close()
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
