// Package collect merges the rows that edges forward: it owns partitions of a cluster.
//
// An Owner reads the Inbox of each of its partitions in order. An edge flushes at the end of a window, and
// its messages belong to that window. The owner waits until all edges have reported a window, or until a
// deadline. Then the owner merges the rows of the window, commits them, and makes the points from the
// committed bytes.
//
// # Exactly once
//
// The commits of a partition form a chain: only one commit can follow the head. So each window has one
// content, even if several owners try to commit it. A fenced owner has changed only its own memory: it
// discards that memory and loads the head. The commit of a window has the identities of its messages, so owners find a
// repeated message even if it comes very late. A head says which messages are finished. The next owner reads the
// messages again that are in no commit.
//
// Points depend on commits alone: on the rows of the window, and on the state after the earlier windows.
// The state is the values of gauges and the known names. The first commit of each block of windows has a
// checkpoint of the state. So two owners publish the same points for a window. Points may come twice: the
// head says from which window on the points may not have been delivered.
//
// # Late
//
// A message may come after its window was closed. Then the owner merges its rows into the commit, commits
// the window again, and publishes the points again under the same time. It also publishes the points of the
// later windows again, because their gauges may have changed.
//
// The package does input and output only through package link.
package collect

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// Config configures an Owner.
type Config struct {
	// ID is the name of this owner. Two owners of a cluster must have different IDs.
	ID string
	// Lateness is how long after its end a window waits for edges that have not reported the window.
	Lateness time.Duration
	// Correct says that late messages are merged into their windows. Without it they are only counted.
	Correct bool
	// Settings are the settings of the cluster.
	Settings link.Settings
	// Table returns the limits of tables. Shards and MemberKey are ignored.
	Table func() aggregate.Config
	// From and Until, unless zero, are boundaries between windows. The owner publishes only windows that end
	// after From, and not after Until.
	From, Until time.Time
	// Successor returns the connection to the cluster that publishes the windows after Until. It can be nil.
	Successor func() link.Sender
	// Publisher publishes the windows.
	Publisher Publisher
	Log       zerolog.Logger
}

// Window describes an interval to publish.
type Window struct {
	Partition int
	End       time.Time
	// Again says that the window may have been published before.
	Again bool
}

// Publisher publishes windows. Several partitions call it at the same time.
type Publisher interface {
	// Publish summarises the interval, and offers its points to all destinations. It may wait for room.
	// It returns a ticket. Each ticket is greater than the one before.
	Publish(ctx context.Context, iv *aggregate.Interval, w Window) (ticket uint64, err error)
	// Settled returns the newest ticket that is settled. A ticket is settled when the points of that ticket
	// and of all earlier tickets are delivered, or stored for delivery.
	Settled() uint64
}

// Cluster configures the cluster that this daemon collects from. Changes need a restart. The tag names the
// flag.
type Cluster struct {
	// CollectFrom is the address of the cluster. Empty (the default) collects nothing.
	CollectFrom string `flag:"--collect"`
	// CollectAfter and CollectUntil, unless zero, are boundaries between flush intervals. The cluster publishes the
	// intervals that end after CollectAfter, and not after CollectUntil. At CollectUntil it hands its names over to
	// the cluster that forward.Next names.
	CollectAfter time.Time `flag:"--collect"`
	CollectUntil time.Time `flag:"--collect"`
	// CollectID is the name of this owner in the cluster, by default the host name. No other owner may have
	// the same name.
	CollectID string `flag:"--collect-id"`
	// CollectPartitions is the number of partitions of a new cluster, a power of two. All owners must have the
	// same number.
	CollectPartitions int `flag:"--collect-partitions"`
	// Lateness is how long after its end an interval waits for edges that have not reported the interval, by
	// default 5 s.
	Lateness time.Duration `flag:"--lateness"`
	// Late says what to do with data that comes later: Correct (the default) merges it and publishes the
	// interval again, Count only counts it.
	Late Late `flag:"--late"`
	// LateHorizon is the greatest delay with which data is still merged, by default 2 h. All owners must have the same
	// value.
	LateHorizon time.Duration `flag:"--late-horizon"`
	// CollectReplicas and CollectBytes are for the streams of a new cluster on NATS.
	CollectReplicas int   `flag:"--collect-replicas"`
	CollectBytes    int64 `flag:"--collect-bytes"`
	// OpenCluster returns the connection to the cluster. It is required if CollectFrom is set.
	OpenCluster func() (*Connection, error)
}

// Late says what to do with late data.
type Late string

// The values of Late.
const (
	LateCorrect Late = "correct"
	LateCount   Late = "count"
)

// Connection is an owner's connection to an engine.
type Connection struct {
	Engine link.Engine
	// Members and Sender can be called after Engine.Join.
	Members func(id string) link.Members
	Sender  func() (link.Sender, error)
	// Remote says that the engine is on other machines, so that it may not answer at the start.
	Remote bool
	// Edges counts the connections of edges. It is nil if edges do not connect to this daemon.
	Edges func() EdgeConnections
}

// EdgeConnections counts connections of edges to this daemon since its start.
type EdgeConnections struct {
	Refused uint64 // not admitted
	Evicted uint64 // closed to make room for others
}

// maxHorizon limits the number of windows that can be corrected.
const maxHorizon = 100_000

// Validate returns an error that names the flag at fault.
func (c *Cluster) Validate(interval time.Duration) error {
	if c.CollectFrom == "" {
		return nil
	}
	if err := link.CheckName(c.CollectID); err != nil {
		return metric.FlagErrorf("--collect-id", c.CollectID, "%w", err)
	}
	switch {
	case c.CollectPartitions < 1 || c.CollectPartitions > partial.MaxPartitions || c.CollectPartitions&(c.CollectPartitions-1) != 0:
		return metric.FlagErrorf("--collect-partitions", c.CollectPartitions, "must be a power of two, from 1 to %d", partial.MaxPartitions)
	case c.Lateness < 0 || c.Lateness > c.LateHorizon:
		return metric.FlagErrorf("--lateness", c.Lateness, "must be between 0 and --late-horizon, which is %v", c.LateHorizon)
	case c.Late != LateCorrect && c.Late != LateCount:
		return metric.FlagErrorf("--late", string(c.Late), "must be correct or count")
	case c.LateHorizon < interval || c.LateHorizon > maxHorizon*interval:
		return metric.FlagErrorf("--late-horizon", c.LateHorizon, "must be between 1 and %d flush intervals", maxHorizon)
	case c.CollectReplicas < 1 || c.CollectReplicas > 5:
		return metric.FlagErrorf("--collect-replicas", c.CollectReplicas, "must be between 1 and 5")
	case c.CollectBytes < 1:
		return metric.FlagErrorf("--collect-bytes", c.CollectBytes, "must be at least 1")
	}
	return nil
}
