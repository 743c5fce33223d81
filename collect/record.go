package collect

import (
	"cmp"
	"maps"
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
)

// Head is the state of the whole partition at a commit. A new owner needs only the last Head to
// continue.
type Head struct {
	// Owner is the owner that made the commit. Epoch is when it began to own the partition, in Unix
	// nanoseconds. Revision counts the commits of this Epoch.
	Owner    string
	Epoch    int64
	Revision uint64
	// Closed is the last closed window, 0 for none.
	Closed int64
	// Applied is the number of the last message that was read. Held are the numbers of earlier
	// messages that are in no commit yet: messages of open windows, late messages, and messages of a
	// newer version of the format.
	Applied uint64
	Held    []uint64
	// Undelivered is the first window whose points may not have reached the destinations.
	Undelivered int64
	// Stale is the first window that was changed after later windows were committed, 0 for none. The
	// checkpoints after it may be wrong.
	Stale int64
	// Checkpoints are the windows whose commits contain a checkpoint, in order.
	Checkpoints []int64
	// Edges are the edges that have sent messages within the horizon, sorted by name.
	Edges  []Edge
	Counts Counts
}

// Edge is the state of an edge in a partition.
type Edge struct {
	Name string
	// Epoch is when the edge started, and Number counts its messages since then. Both are from the
	// edge's last message.
	Epoch  int64
	Number uint64
	// Samples counts the samples in the edge's messages since Epoch, without duplicates. It counts a message when it
	// was merged, or when it is certain that it will never be merged.
	Samples uint64
	// Window is the last window that is complete: all messages of the edge for this window have
	// arrived.
	Window int64
	// First is the window of the edge's first message to the partition.
	First int64
	// Heard is the time when the engine stored the edge's last message, in Unix nanoseconds. Ahead compares two times of a
	// message: it is the end of the message's window minus the time when the engine stored the message. Ahead keeps the
	// difference that is nearest to 0 among the recent messages. A positive value means that the edge's clock is ahead. A
	// negative value is the delay of the message.
	Heard, Ahead int64
}

// Counts counts the messages of a partition since its first commit. This equation is always true:
//
//	Applied = Merged + Duplicates + Late + Damaged + Foreign + Future + len(Held)
type Counts struct {
	Merged     uint64 // messages merged into a window
	Corrected  uint64 // the part of Merged that arrived after the window was closed
	Duplicates uint64 // messages that were received twice
	Late       uint64 // messages that arrived too late and were not merged
	Damaged    uint64 // messages that are damaged, or in a version of the format that this owner cannot decode
	Foreign    uint64 // messages for another partition, interval or cluster: the edge has wrong settings
	Future     uint64 // messages for a window that is too far in the future
	Missing    uint64 // numbers that are missing in the sequence of an edge's messages
	Rows       uint64 // rows in the merged messages
	Refused    uint64 // rows that were not merged, because of a limit or a bad value
	Samples    uint64 // samples in the merged messages
	Lost       uint64 // samples in messages that were not merged, without duplicates
}

// Messages returns the number of messages that need no further processing.
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

// record is the content of a commit. The embedded Head is the state of the partition after the
// commit.
type record struct {
	Head
	// window is the window of the rows, or link.TakeOver.
	window   int64
	revision uint64 // counts the commits of the window, from 1
	samples  uint64
	seen     identities
	// checkpoint contains the names that are known before the window. It is nil if the record has no
	// checkpoint.
	checkpoint []aggregate.Known
	rows       [][]byte // the rows, as messages of package partial
}

// low returns the number of the oldest message that is needed to continue from this head.
func (h *Head) low() uint64 {
	if len(h.Held) > 0 {
		return h.Held[0]
	}
	return h.Applied + 1
}

// checkpointBefore returns the last checkpoint at or before the window, or 0 if there is none.
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
