// Package link defines the interface between the edges and owners of a cluster and the engine that
// connects them.
//
// An edge sends messages with a Sender. An engine stores the messages of each partition in an Inbox. An owner reads
// an Inbox in order. It makes one Commit for each window, which is a flush interval of a partition. The commits of a
// partition form a chain: each Commit contains the version of its predecessor, and has at most one successor. Only
// this chain decides which owner owns a partition. The interface Members only says which owner should try to own the
// partition.
//
// There are two engines: link/tcp connects edges directly to one central daemon, and link/nats uses NATS JetStream. For
// tests, package linktest has an engine in memory that loses acknowledgements, repeats messages, delays calls, and
// returns old commits.
//
// The package imports only the standard library. It does not depend on the content of messages.
package link

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrFenced means that another owner has made a commit. The caller, which is now fenced, must load
	// the last commit (the head) again.
	ErrFenced = errors.New("another owner has made a commit")
	// ErrFull means that the engine has no space for the message. The sender must send it again later.
	ErrFull = errors.New("the cluster has no space for the message")
	// ErrNone means that the requested commit does not exist.
	ErrNone = errors.New("the commit does not exist")
)

// Settings are the settings that all members of a cluster share. The first owner creates them. They
// stay the same as long as the cluster exists.
type Settings struct {
	Version    int           // version of the format in which engines store the settings
	Partitions int           // number of partitions, a power of two
	Interval   time.Duration // the flush interval of all members
	Horizon    time.Duration // the maximum delay of data that is still merged
	MemberKey  [16]byte      // key for hashing the members of sets
	Tags       string        // value of --tags
}

// MismatchError means that a daemon's settings differ from the settings of its cluster.
type MismatchError struct {
	Flag            string // for example "--flush-interval"
	Daemon, Cluster string // the daemon's value and the cluster's value for this flag
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the cluster has %s=%s, this daemon has %s: set %s=%s for this daemon, or join another cluster",
		e.Flag, e.Cluster, e.Daemon, e.Flag, e.Cluster)
}

// keptBehind is the number of windows before the horizon that an engine must keep. To compute the
// points of a window, an owner needs a checkpoint, which is in one of the earlier commits.
const keptBehind = 64

// Slots returns the number of windows for which an engine must keep the last commit.
func (s *Settings) Slots() int64 { return int64(s.Horizon/s.Interval) + keptBehind }

// RefusedError means that an engine refuses a message permanently. It would refuse the same message
// again.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the cluster refuses the message: " + e.Reason }

// Message is a message of an edge. ID identifies it: if the edge repeats a message, the ID is the
// same, so an engine may drop the repeated message. The receiver of a Message must not keep Data.
type Message struct {
	Partition int
	ID        string
	Data      []byte
}

// Sender is the connection of an edge to an engine. It connects when it is first used. Settings and
// Send may be called by any number of goroutines at the same time.
type Sender interface {
	// Settings returns the settings of the cluster. It waits until the engine answers. If ctx ends
	// first, the error says why the engine has not answered.
	Settings(ctx context.Context) (Settings, error)
	// Send returns nil when the message is stored durably. If the engine does not answer, Send returns
	// an error after some seconds. After any error except a *RefusedError, the caller must send the
	// same message again. The messages of an interval are sent at the same time by many goroutines.
	Send(ctx context.Context, m Message) error
	Close() error
}

// Watcher is a Sender that can also return the time of the last commit of a partition. An edge uses a Watcher to check
// whether the partitions have owners. Not every Sender is a Watcher.
type Watcher interface {
	// Committed returns the time of a partition's last commit, or ErrNone if there is none.
	Committed(ctx context.Context, partition int) (time.Time, error)
}

// Entry is a message in an Inbox.
type Entry struct {
	// Seq numbers the messages of a partition, starting with 1. If numbers are missing, another owner
	// has trimmed the Inbox.
	Seq    uint64
	Stored time.Time // when the engine stored the message
	Data   []byte    // valid until the next call of Next
}

// Reader reads an Inbox in order. Only one goroutine may use it.
type Reader interface {
	// Next waits for the next message and returns it.
	Next(ctx context.Context) (Entry, error)
	Close() error
}

// Inbox holds the messages of one partition.
type Inbox interface {
	// Read returns a reader that starts at the message whose number is the parameter from. If this
	// message no longer exists, the reader starts at the next message.
	Read(ctx context.Context, from uint64) (Reader, error)
	// State returns the state of the Inbox.
	State(ctx context.Context) (InboxState, error)
	// Trim removes all messages with numbers below the given number.
	Trim(ctx context.Context, below uint64) error
}

// InboxState is the state of an Inbox: its first and last message, and its size.
type InboxState struct {
	First, Last uint64 // numbers of the first and the last message; Last is First - 1 if the Inbox is empty
	Bytes       int64
	MaxBytes    int64 // 0 if the size is not limited
}

// Version identifies a commit of a partition. The zero Version comes before the first commit.
type Version uint64

// Commit is a committed record of a partition. Slot is the number of the record's window, or
// TakeOver.
type Commit struct {
	Version Version
	Slot    int64
	Record  []byte
}

// TakeOver is the Slot of a commit without a window. A new owner appends such a commit before its
// first window.
const TakeOver int64 = -1

// Commits is the chain of commits of a partition. An engine must keep the head, which is the last commit. It must
// also keep the last commit of each of the last Settings.Slots windows. Records can have any size: an engine that
// limits the size of messages must divide large records.
type Commits interface {
	// Head returns the last commit. If there is none, it returns a Commit with a zero Version.
	Head(ctx context.Context) (Commit, error)
	// Append appends a commit after the commit whose version is the parameter after. It returns the
	// version of the new commit. If another commit is the head, it returns ErrFenced. After any other
	// error, the commit may or may not have been appended: the caller must call Head to find out.
	Append(ctx context.Context, after Version, slot int64, record []byte) (Version, error)
	// At returns the last commit of a slot, or ErrNone. It may also return a commit of another window,
	// if the engine stores both commits in the same location. The record contains the number of its
	// window.
	At(ctx context.Context, slot int64) (Commit, error)
}

// Partition is a partition of an engine, as an owner sees it.
type Partition interface {
	Inbox
	Commits
}

// Members decides which partitions this owner should own.
type Members interface {
	// Run announces this owner until ctx ends. It calls the function wanted with the partitions that this owner should
	// own, once at the start and after each change. Before it returns, it removes the announcement.
	Run(ctx context.Context, wanted func(partitions []int)) error
}

// Engine is the connection of an owner to an engine.
type Engine interface {
	// Join creates the settings and the storage of the cluster if they are missing, and returns the settings. If the
	// cluster's settings differ from the parameter wanted, it returns a *MismatchError. If the MemberKey in the
	// parameter is zero, every key of the cluster is accepted.
	Join(ctx context.Context, wanted Settings) (Settings, error)
	Partition(p int) Partition
	Close() error
}
