// Package member is a daemon's part in a cluster. An edge forwards the data that the daemon receives. An owner
// collects the data of edges. A daemon can be both.
//
//	m, err := member.Open(config)   // connects to the clusters
//	settings, err := m.Edges()[0].Join(ctx)
//	err = m.Collect(ctx)            // owns partitions until ctx ends
//	m.Answer(sinks)                 // the state of the cluster, for operators
//	m.Facts()                       // the facts for the daemon's health
//	err = m.Close()
//
// With a zero Config, the daemon is in no cluster: it neither forwards nor collects.
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
	Cluster collect.Cluster // the cluster whose data this daemon collects
	// Target is the cluster to which this daemon forwards. By default, an owner forwards the data that
	// it receives to its own cluster.
	Target   forward.Target
	Next     forward.Next
	Interval time.Duration // flush interval
	Tags     string        // value of --tags
	// Cache returns the path of the file for the settings of a cluster, or "" if the settings are not saved. The
	// argument is the name of the destination through which the daemon forwards to the cluster.
	Cache     func(destination string) string
	Table     aggregate.Config  // limits for tables with collected data
	Publisher collect.Publisher // publishes the collected data
	Log       zerolog.Logger
}

// Member is a daemon's part in one or two clusters. Open creates it.
type Member struct {
	Config
	edges      []*forward.Edge     // one for each cluster to which the daemon forwards, sorted by ForwardAfter
	connection *collect.Connection // nil if the daemon does not collect

	owner atomic.Pointer[collect.Owner]
	fault atomic.Pointer[error] // why the daemon cannot join its cluster now
	table atomic.Pointer[aggregate.Config]
}

// Open connects to the clusters in the configuration. If one connection fails, it closes the
// connections that it has opened.
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

// targets returns the clusters to which the daemon forwards, sorted by ForwardAfter.
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

// successor returns the connection to the next cluster, which takes over when Config.Cluster ends.
func (m *Member) successor() link.Sender { return m.edges[len(m.edges)-1].Sender() }

// SetLimits replaces the limits for tables with collected data.
func (m *Member) SetLimits(table aggregate.Config) { m.table.Store(&table) }

// Edges returns an edge for each cluster to which the daemon forwards, sorted by ForwardAfter. The
// caller must close the edges.
func (m *Member) Edges() []*forward.Edge { return m.edges }

// Collects reports whether the daemon is an owner.
func (m *Member) Collects() bool { return m.connection != nil }

// Waits returns the reason why the daemon takes no samples yet. It returns "" if the daemon takes samples.
func (m *Member) Waits() string {
	for _, e := range m.edges {
		if why := e.Waits(); why != nil {
			return why.Error()
		}
	}
	return ""
}

// Close closes the connection to the cluster whose data this daemon collects.
func (m *Member) Close() error {
	if m.connection == nil {
		return nil
	}
	return m.connection.Engine.Close()
}
