package collect

import (
	"cmp"
	"maps"
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
)

// Head is the state of the whole partition at a commit. A new owner needs only the newest Head to continue.
type Head struct {
	// Owner made the commit, and Epoch is when it began to own the partition, in Unix nanoseconds.
	// Revision counts the commits of this Epoch.
	Owner    string
	Epoch    int64
	Revision uint64
	// Closed is the newest closed window, 0 for none.
	Closed int64
	// Applied is the number of the newest message that was read. Held are the numbers of earlier messages that
	// are in no commit: messages of open windows, late messages, and messages of a newer version of the format.
	Applied uint64
	Held    []uint64
	// Undelivered is the oldest window whose points may not have reached the destinations.
	Undelivered int64
	// Stale is the oldest window that has changed after later windows were computed, 0 for none.
	Stale int64
	// Checkpoints are the windows whose commits have a checkpoint, in order.
	Checkpoints []int64
	// Edges are the edges that the partition has heard within the horizon, by name.
	Edges  []Edge
	Counts Counts
}

// Edge is the state of an edge in a partition.
type Edge struct {
	Name string
	// Epoch and Number belong to its newest message.
	Epoch  int64
	Number uint64
	// Samples counts the samples of the finished messages of Epoch, without duplicates.
	Samples uint64
	// Window is its newest complete window: all messages of that window have come.
	Window int64
	// First is the first window in which the partition heard the edge.
	First int64
	// Heard is when the engine stored the edge's newest message, in Unix nanoseconds. Ahead is the least amount by
	// which the edge's clock was then ahead. If Ahead is negative, the message came that long after the end of its
	// window.
	Heard, Ahead int64
}

// Counts counts the messages of a partition since its first commit:
//
//	Applied = Merged + Duplicates + Late + Damaged + Foreign + Future + len(Held)
type Counts struct {
	Merged     uint64 // merged into a window
	Corrected  uint64 // the part of Merged that came after its window was closed
	Duplicates uint64 // repeated messages
	Late       uint64 // messages that came too late and do not count
	Damaged    uint64 // damaged messages, or messages in a version of the format that this owner cannot read
	Foreign    uint64 // messages of another partition or interval: the edge has wrong settings
	Future     uint64 // messages of a window that is too far in the future
	Missing    uint64 // numbers that an edge has left out
	Rows       uint64 // rows of the merged messages
	Refused    uint64 // rows that did not count, because of a limit or a bad value
	Samples    uint64 // samples of the merged messages
	Lost       uint64 // samples of messages that do not count, except for duplicates
}

// Messages returns the number of finished messages.
func (c *Counts) Messages() uint64 {
	return c.Merged + c.Duplicates + c.Late + c.Damaged + c.Foreign + c.Future
}

// identity identifies a message within a partition.
type identity struct {
	edge   string
	epoch  int64
	number uint64
	part   int
}

func (a identity) compare(b identity) int {
	return cmp.Or(cmp.Compare(a.edge, b.edge), cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.number, b.number), cmp.Compare(a.part, b.part))
}

type identities map[identity]struct{}

func (s identities) sorted() []identity { return slices.SortedFunc(maps.Keys(s), identity.compare) }

// record is the content of a commit.
type record struct {
	Head
	// link.TakeOver, or the window of the rows
	window   int64
	revision uint64 // 1 for the first commit of the window
	samples  uint64
	seen     identities
	// checkpoint, unless nil, has the known names before the window.
	checkpoint []aggregate.Known
	rows       [][]byte // messages of partial
}

// low returns the number of the oldest message that is still needed.
func (h *Head) low() uint64 {
	if len(h.Held) > 0 {
		return h.Held[0]
	}
	return h.Applied + 1
}

// checkpointBefore returns the newest checkpoint at or before a window, 0 for none.
func (h *Head) checkpointBefore(window int64) int64 {
	i, found := slices.BinarySearch(h.Checkpoints, window)
	if found {
		i++
	}
	if i == 0 {
		return 0
	}
	return h.Checkpoints[i-1]
}
