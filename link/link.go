// Package link is the interface between the edges and owners of a cluster and the engine that connects
// them.
//
// An edge sends messages with a Sender. An engine keeps them in one Inbox for each partition. An owner
// reads an Inbox in order, and makes one Commit for each window. The commits of a partition form one chain:
// a Commit names its predecessor, and each Commit has at most one successor. This chain alone decides who
// owns a partition. Members only say which owner should own it.
//
// There are two engines: link/tcp connects edges directly to one central daemon, and link/nats uses NATS
// JetStream. Package linktest has an engine in memory that loses acknowledgements, repeats and delays
// messages, and fences owners.
//
// The package imports nothing but the standard library. It does not know what a message contains.
package link

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrFenced says that another owner has committed. The fenced owner must load the head again.
	ErrFenced = errors.New("another owner has committed")
	// ErrFull says that the engine has no room. The sender must send the message again later.
	ErrFull = errors.New("the engine has no room")
	// ErrNone says that there is no such commit.
	ErrNone = errors.New("there is no such commit")
)

// Settings are the settings that all members of a cluster share. The first owner makes them, and they never
// change for the life of the cluster.
type Settings struct {
	Version    int           // version of these settings
	Partitions int           // a power of two
	Interval   time.Duration // the flush interval of all members
	Horizon    time.Duration // the greatest delay with which data is still merged
	MemberKey  [16]byte      // hashes the members of sets
	Tags       string        // --tags
}

// MismatchError says that a daemon's settings differ from its cluster's.
type MismatchError struct {
	Flag            string // as in "--flush-interval"
	Daemon, Cluster string // the two values
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the cluster has %s=%s, this daemon has %s: give %s=%s here, or join another cluster",
		e.Flag, e.Cluster, e.Daemon, e.Flag, e.Cluster)
}

// keptBehind is the number of windows before the horizon that an engine must keep. The points of a window depend on a
// checkpoint, which is in one of the commits before the window.
const keptBehind = 64

// Slots returns the number of windows whose newest commit an engine must keep.
func (s *Settings) Slots() int64 { return int64(s.Horizon/s.Interval) + keptBehind }

// RefusedError says that an engine refuses a message for good. It will refuse the same message again.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the engine refuses the message: " + e.Reason }

// Message is one message of an edge. ID identifies it: a repeated message has the same ID, and an
// engine may drop the repetition. Data belongs to the caller.
type Message struct {
	Partition int
	ID        string
	Data      []byte
}

// Sender is an edge's connection to an engine. It connects when it is first used. Any number of goroutines
// may call Settings and Send at the same time.
type Sender interface {
	// Settings returns the settings of the cluster. It waits until the engine answers. If ctx ends first, the
	// error says why the engine does not answer.
	Settings(ctx context.Context) (Settings, error)
	// Send returns nil once the message is durable. It gives up some seconds after the engine fell silent.
	// After any error except a *RefusedError, the caller sends the same message again. The messages of an
	// interval are sent at the same time, one goroutine for each.
	Send(ctx context.Context, m Message) error
	Close() error
}

// Watcher is a Sender that can see whether the partitions have owners. Not every Sender is a Watcher.
type Watcher interface {
	// Committed returns when the newest commit of a partition was made, or ErrNone if there is none.
	Committed(ctx context.Context, partition int) (time.Time, error)
}

// Entry is a message in an Inbox.
type Entry struct {
	// Seq numbers the messages of a partition from 1. A gap means that another owner has trimmed the Inbox.
	Seq    uint64
	Stored time.Time // when the engine stored it
	Data   []byte    // belongs to the caller until the next call of Next
}

// Reader reads an Inbox in order. One goroutine uses it.
type Reader interface {
	// Next waits for the next message.
	Next(ctx context.Context) (Entry, error)
	Close() error
}

// Inbox holds the messages of one partition.
type Inbox interface {
	// Read reads messages, beginning with the given number. If that message is gone, Read starts at the next one.
	Read(ctx context.Context, from uint64) (Reader, error)
	// State returns how full the Inbox is.
	State(ctx context.Context) (InboxState, error)
	// Trim drops the messages before the given number.
	Trim(ctx context.Context, below uint64) error
}

// InboxState says how full an Inbox is.
type InboxState struct {
	First, Last uint64 // numbers of the oldest and newest message; Last is First-1 if it is empty
	Bytes       int64
	MaxBytes    int64 // 0: not limited
}

// Version identifies a commit of a partition. The zero Version comes before the first commit.
type Version uint64

// Commit is a committed record of a partition. Slot is the number of its window, or TakeOver.
type Commit struct {
	Version Version
	Slot    int64
	Record  []byte
}

// TakeOver is the slot of a commit that has no window: a new owner appends one before its first window.
const TakeOver int64 = -1

// Commits is the chain of commits of one partition. An engine always keeps the head. It also keeps the
// newest commit of each window, for the newest Settings.Slots windows. A record can have any size: an
// engine with a limit for messages splits the record.
type Commits interface {
	// Head returns the newest commit. It has a zero Version if there is none.
	Head(ctx context.Context) (Commit, error)
	// Append appends a commit behind the commit with version after, and returns its version. It returns
	// ErrFenced if after is not the head. After any other error the commit may have been appended or not: call
	// Head to find out.
	Append(ctx context.Context, after Version, slot int64, record []byte) (Version, error)
	// At returns the newest commit of a slot, or ErrNone. It may return a commit of another window that shares
	// the place in the engine. The record names its window.
	At(ctx context.Context, slot int64) (Commit, error)
}

// Partition is an owner's view of one partition of an engine.
type Partition interface {
	Inbox
	Commits
}

// Members decides which partitions this owner should own.
type Members interface {
	// Run announces this owner until ctx ends. It calls wanted with the partitions that this owner should own,
	// each time they change. It withdraws the announcement before it returns.
	Run(ctx context.Context, wanted func(partitions []int)) error
}

// Engine is an owner's connection to an engine.
type Engine interface {
	// Join returns the settings of the cluster. It creates everything that is missing, and returns a
	// *MismatchError if the cluster's settings differ from wanted. A zero MemberKey in wanted fits every key.
	Join(ctx context.Context, wanted Settings) (Settings, error)
	Partition(p int) Partition
	Close() error
}
