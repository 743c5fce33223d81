// Package partial encodes what an interval collected, so that another daemon can merge it.
//
// An edge cuts its rows into partitions by name, and encodes each partition as one message, or as
// several parts if it is large:
//
//	messages := encoder.Encode(interval, rows)
//
// An owner decodes messages and merges the rows with those of other edges:
//
//	header, body, err := partial.Open(message)
//	err = body.Rows(func(r *aggregate.Row) { shard.Merge(r) })
//
// # Format
//
// A message is a header, the body, and a CRC-32C of both. Numbers are varints, as in protobuf. The body
// has, for each kind, its names in order, each without the beginning that it shares with the name
// before, and then the values. It is compressed with zstd if that makes it smaller. All values are
// exact. Version changes with every change of the format, and a reader knows its own version and the
// one before.
package partial

import (
	"errors"
	"fmt"
)

const (
	// Version is the version of the format that Encode writes.
	Version = 1
	// MaxMessage is the most bytes of a message. It is below the default limit of NATS, 1 MiB.
	MaxMessage = 900 << 10
	// MaxPartitions is the most partitions.
	MaxPartitions = 1 << 12
	// maxBody limits a body that a reader unpacks.
	maxBody = 64 << 20
	// maxEdge limits the name of an edge.
	maxEdge = 255
)

var magic = [2]byte{'s', 'd'}

// ErrDamaged is an error of a message that no daemon has written so.
var ErrDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("message is %w: "+format, append([]any{ErrDamaged}, args...)...)
}

// VersionError is an error of a message in another version of the format.
type VersionError struct{ Version byte }

func (e *VersionError) Error() string {
	return fmt.Sprintf("message has version %d of the format, this daemon reads version %d: upgrade the owners before the edges", e.Version, Version)
}

// Header says where a message comes from, and what it is a part of. Edge, Epoch, Number, Partition and
// Part together identify it: a message that is repeated has the same ones.
type Header struct {
	// Edge is the name of the daemon that made it.
	Edge string
	// Epoch is when that daemon started, in Unix nanoseconds, and Number counts its intervals from 1.
	Epoch  int64
	Number uint64
	// End is the end of the interval, in Unix nanoseconds.
	End int64
	// Partition is one of Partitions, from 0.
	Partition, Partitions int
	// Part is one of Parts, from 0.
	Part, Parts int
	// Samples is the number of samples of the whole interval. It is in one message of each interval,
	// and 0 in the others.
	Samples uint64
	// Rows is the number of rows of this part.
	Rows int
}

// ID identifies the message.
func (h *Header) ID() string {
	return fmt.Sprintf("%s/%d/%d/%d/%d", h.Edge, h.Epoch, h.Number, h.Partition, h.Part)
}

// PartitionOf returns the partition of a name, from 0. It is the same on every machine and in every
// version: FNV-1a of the name, with its bits mixed as in MurmurHash3 (fmix64).
func PartitionOf(name []byte, partitions int) int {
	h := uint64(14695981039346656037)
	for _, c := range name {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return int((h ^ h>>33) % uint64(partitions))
}
