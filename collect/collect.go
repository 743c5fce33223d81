// Package collect merges the rows that edges forward. It implements the owners of a cluster's
// partitions.
//
// An Owner reads the Inbox of each of its partitions in order. A window is the data of one flush
// interval in one partition. When an edge flushes, it sends messages, which belong to the window
// that ends at the flush. The owner waits until all edges have sent the window, or until a
// deadline. It then merges the rows of the window, commits them, and publishes the points. Any owner
// can make the same points from the committed bytes.
//
// # Exactly once
//
// The commits of a partition form a chain. The last commit is the head, and only one commit can follow it. So each
// window has one content, even if several owners try to commit it. An owner is fenced when another owner has committed:
// its next commit fails. Because this commit fails, the fenced owner has changed nothing but its own memory. So it
// discards its state, and loads the head. The commit of a window contains the identities of its messages, so owners
// recognise a repeated message even if it comes very late. The head says which messages need no further processing. If
// a message is in no commit, the next owner reads the message again.
//
// Points depend only on commits: on the rows of the window, and on the state after the earlier
// windows. The state consists of the values of gauges and the known names. The first commit in each
// block of windows has a checkpoint of the state. So all owners publish the same points for a
// window. Points can be published twice: the head contains the first window whose points may not
// have been delivered.
//
// # Late messages
//
// A message can arrive after its window was closed. The owner then merges the message into the
// window, commits the window again, and publishes its points again with the same timestamp. It also
// publishes the points of later windows again, because their gauges may have changed.
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
	// Lateness is how long an owner waits, after the end of a window, for edges that have not sent the
	// window.
	Lateness time.Duration
	// Correct means that late messages are merged into their windows. If Correct is false, late
	// messages are only counted.
	Correct bool
	// Settings are the settings of the cluster.
	Settings link.Settings
	// Table returns the limits for tables. The fields Shards and MemberKey are ignored.
	Table func() aggregate.Config
	// From and Until limit the windows that the owner publishes. They are ends of windows, or zero for
	// no limit. The owner publishes the windows that end after the time From and not after the time
	// Until.
	From, Until time.Time
	// Successor returns the connection to the cluster that publishes the windows after the time Until.
	// It is nil if there is none.
	Successor func() link.Sender
	// Publisher publishes the windows.
	Publisher Publisher
	Log       zerolog.Logger
}

// Window describes a window that is published: the data of one flush interval in one partition.
type Window struct {
	Partition int
	End       time.Time
	// Again means that the window may have been published before.
	Again bool
}

// Publisher publishes windows. Several partitions call it at the same time.
type Publisher interface {
	// Publish summarises the interval, and offers its points to all destinations. It may wait until
	// their queues have capacity. It returns a ticket, which is greater than all earlier tickets.
	Publish(ctx context.Context, iv *aggregate.Interval, w Window) (ticket uint64, err error)
	// Settled returns the greatest settled ticket. A ticket is settled when its points and the points
	// of all earlier tickets are delivered, or stored for delivery.
	Settled() uint64
}

// Cluster configures the cluster that this daemon collects for. Changes need a restart. The struct
// tag of each field names the field's flag.
type Cluster struct {
	// CollectFrom is the address of the cluster. If it is empty (the default), the daemon does not
	// collect.
	CollectFrom string `flag:"--collect"`
	// CollectAfter and CollectUntil limit the intervals that the cluster publishes. They are ends of flush intervals,
	// or zero for no limit. The cluster publishes the intervals that end after the time CollectAfter and not after the
	// time CollectUntil. At the time CollectUntil it hands its names over to the cluster that forward.Next configures.
	CollectAfter time.Time `flag:"--collect"`
	CollectUntil time.Time `flag:"--collect"`
	// CollectID is the name of this owner in the cluster, by default the host name. Each owner needs
	// its own name.
	CollectID string `flag:"--collect-id"`
	// CollectPartitions is the number of partitions of a new cluster. It is a power of two, and must
	// be the same for all owners.
	CollectPartitions int `flag:"--collect-partitions"`
	// Lateness is how long an owner waits, after the end of an interval, for edges that have not sent
	// the interval. The default is 5 s.
	Lateness time.Duration `flag:"--lateness"`
	// Late says what happens to data that arrives after its interval was published. LateCorrect (the
	// default) merges the data and publishes the interval again. LateCount only counts the data.
	Late Late `flag:"--late"`
	// LateHorizon is how long after the end of an interval its data is still merged, by default 2 h. It
	// must be the same for all owners.
	LateHorizon time.Duration `flag:"--late-horizon"`
	// CollectReplicas is the number of copies of the streams of a new cluster on NATS. CollectBytes is
	// the maximum size of the messages that wait in these streams.
	CollectReplicas int   `flag:"--collect-replicas"`
	CollectBytes    int64 `flag:"--collect-bytes"`
	// OpenCluster returns the connection to the cluster. It is required if CollectFrom is set.
	OpenCluster func() (*Connection, error)
}

// Late says what happens to late data.
type Late string

// LateCorrect merges late data into its window, and publishes the window again. LateCount only counts it.
const (
	LateCorrect Late = "correct"
	LateCount   Late = "count"
)

// Connection is an owner's connection to an engine, which stores the messages and commits of a
// cluster.
type Connection struct {
	Engine link.Engine
	// Members and Sender may only be called after Engine.Join.
	Members func(id string) link.Members
	Sender  func() (link.Sender, error)
	// Remote means that the engine runs on other machines, so it may not answer at the start.
	Remote bool
	// Edges returns the counts of connections from edges. It is nil if edges do not connect to this
	// daemon.
	Edges func() EdgeConnections
}

// EdgeConnections counts connections of edges to this daemon since its start.
type EdgeConnections struct {
	Refused uint64 // connections that the daemon refused
	Evicted uint64 // connections that the daemon closed to accept others
}

// maxHorizon is the maximum of LateHorizon, in windows.
const maxHorizon = 100_000

// Validate returns an error if a setting is not valid. The error names the flag of the setting.
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
