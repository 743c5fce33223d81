// Package member is a daemon's part in a cluster. An edge forwards the data that the daemon receives. An
// owner collects from edges. A daemon can be both.
//
//	m, err := member.Open(config)   // connects
//	settings, err := m.Edges()[0].Join(ctx)
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
	"github.com/statsd-ops/statsd/link"
)

// Config configures a Member.
type Config struct {
	Cluster collect.Cluster // the cluster to collect from
	// Target says where this daemon forwards. By default an owner forwards the data that it receives itself to
	// the cluster that it collects from.
	Target   forward.Target
	Next     forward.Next
	Interval time.Duration // between two flushes
	Tags     string        // the daemon's --tags
	// Cache returns the file that keeps the settings of a cluster, or "". The argument is the name of the cluster's destination.
	Cache     func(destination string) string
	Table     aggregate.Config
	Publisher collect.Publisher // limits for the collected data
	Log       zerolog.Logger
}

// Member is a daemon's part in a cluster. Make it with Open.
type Member struct {
	Config
	edges      []*forward.Edge     // of the clusters that it forwards to, in the order of their times
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
	for _, t := range m.targets() {
		e, err := forward.New(forward.Config{Target: t, Interval: cfg.Interval, Tags: cfg.Tags, Cache: cfg.Cache(t.DestinationName()), Log: cfg.Log})
		if err != nil {
			for _, e := range m.edges {
				err = errors.Join(err, e.Close())
			}
			return nil, errors.Join(err, m.Close())
		}
		m.edges = append(m.edges, e)
	}
	return m, nil
}

// targets returns the clusters to forward to, in the order of their times.
func (m *Member) targets() (all []forward.Target) {
	t := m.Target
	t.ForwardOnly = m.connection != nil
	own := t
	if c := &m.Cluster; m.connection != nil {
		own.ForwardTo, own.ForwardID, own.Connect, own.ForwardAfter = c.CollectFrom, c.CollectID, m.connection.Sender, c.CollectAfter
	}
	if t.ForwardTo != "" {
		all = append(all, t)
	}
	if m.connection != nil && (len(all) == 0 || !own.ForwardAfter.IsZero()) {
		all = append(all, own)
	}
	if m.Next.NextTo != "" {
		all = append(all, m.Next.Target(t))
	}
	for i := range all[:max(len(all)-1, 0)] {
		all[i].ForwardUntil = all[i+1].ForwardAfter
	}
	return all
}

// successor returns the connection to the cluster that goes on after the one that this daemon collects from.
func (m *Member) successor() link.Sender { return m.edges[len(m.edges)-1].Sender() }

// SetLimits replaces the limits of the tables that merge the collected data.
func (m *Member) SetLimits(table aggregate.Config) { m.table.Store(&table) }

// Edges returns the edges of the clusters that this daemon forwards to, in the order of their times. The caller must
// close them.
func (m *Member) Edges() []*forward.Edge { return m.edges }

// Collects reports whether the daemon is an owner.
func (m *Member) Collects() bool { return m.connection != nil }

// Waits returns why the edge does not take samples yet, or "".
func (m *Member) Waits() string {
	for _, e := range m.edges {
		if why := e.Waits(); why != nil {
			return why.Error()
		}
	}
	return ""
}

// Close disconnects from the cluster that this daemon collects from.
func (m *Member) Close() error {
	if m.connection == nil {
		return nil
	}
	return m.connection.Engine.Close()
}
