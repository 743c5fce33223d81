// Package collect merges what edges forward: it owns partitions of a cluster.
//
// An Owner reads the Inbox of each of its partitions in order. A message belongs to the window at whose
// end its edge flushed. When all edges have reported a window, or at a deadline, the owner merges the
// window's rows and commits them. Then it makes the window's points, from the committed bytes.
//
// # Exactly once
//
// Commits of a partition form a chain: only one can follow the head. So for each window there is one
// content, whoever owns the partition. An owner that another one has fenced has changed nothing but
// its own memory: it forgets that, and loads the head. The commit of a window has the identities of
// its messages, so that a repeated one is found however late it comes. A head says which messages
// were dealt with; those that no commit has yet are read again by the next owner.
//
// Points depend on commits alone: on the rows of the window, and on what earlier windows have left,
// which are the values of gauges, and the names that are known. Each commit that begins a block of
// windows has a checkpoint of these. So what two owners publish of a window is the same, and may come
// twice: the head says from which window on the points may not have been delivered.
//
// # Late
//
// A message may come after its window was closed. Then its rows are merged into the commit, the
// window is committed again, and its points are published again under the same time. So are the
// points of the windows that follow, because gauges may have changed.
//
// The package does no input or output but through package link.
package collect

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link"
)

// Config configures an Owner.
type Config struct {
	// ID is the name of this owner. Two owners of a cluster must have different ones.
	ID string
	// Lateness is how long after its end a window waits for edges that have not reported it.
	Lateness time.Duration
	// Correct merges messages that come later into their windows. Without it they are counted.
	Correct bool
	// Settings are those of the cluster.
	Settings link.Settings
	// Table returns the limits of tables. Shards and MemberKey are ignored.
	Table func() aggregate.Config
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
	// It returns a ticket. Tickets grow.
	Publish(ctx context.Context, iv *aggregate.Interval, w Window) (ticket uint64, err error)
	// Settled returns the newest ticket whose points, and those of all earlier ones, are delivered or
	// stored for it.
	Settled() uint64
}
