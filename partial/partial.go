// Package partial encodes what an interval collected, so that another daemon can merge it.
//
// An edge cuts its rows into partitions by name, and encodes each partition as one message, or as
// several parts if it is large:
//
//	rows.Begin(end)
//	interval.Rows(rows.Add)
//	encoder.Encode(Interval{Number: n, End: end}, rows, send)
//
// An owner decodes messages and merges the rows with those of other edges:
//
//	header, body, err := partial.Open(message)
//	err = decoder.Rows(&body, func(r *aggregate.Row) { shard.Merge(r) })
//
// # Format
//
// A message is a header, the body, and a CRC-32C of both. Numbers are varints, as in protobuf. The body
// has, for each kind, its names in order, each without the beginning that it shares with the name
// before, and then the values. It is compressed with S2 if that makes it smaller: zstd would take a seventh
// less, and four times the time. All values are exact. Version changes with every change of the format, and a reader knows its own version and the
// one before.
package partial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

const (
	// oldest is the oldest version of the format that Open reads.
	oldest = max(Version-1, 1)
	// MaxMessage is the most bytes of a message. It is below the default limit of NATS, 1 MiB.
	MaxMessage = 900 << 10
	// MaxPartitions is the most partitions.
	MaxPartitions = 1 << 12
	// maxBody limits a body that a reader unpacks.
	maxBody = MaxMessage
	// MaxEdge is the most bytes of the name of an edge.
	MaxEdge = 255
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
	return fmt.Sprintf("message has version %d of the format, this daemon reads %d to %d: upgrade the owners before the edges", e.Version, oldest, Version)
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

// home returns the partition whose first message stands for the whole interval.
func (h *Header) home() int { return PartitionOf([]byte(h.Edge), h.Partitions) }

// Units is what the message counts in ledgers: its rows, and one more if it stands for its interval, so
// that an interval without rows counts too.
func (h *Header) Units() int {
	if h.Part == 0 && h.Partition == h.home() {
		return h.Rows + 1
	}
	return h.Rows
}

// PartitionOf returns the partition of a name, from 0. It is the same on every machine and in every
// version: as FNV-1a, but of eight bytes at a time, with its bits mixed as in MurmurHash3 (fmix64).
func PartitionOf(name []byte, partitions int) int {
	const prime = 0x9e3779b97f4a7c15
	h := uint64(len(name)) * prime
	for len(name) >= 8 {
		h = bits.RotateLeft64((h^binary.LittleEndian.Uint64(name))*prime, 32)
		name = name[8:]
	}
	for _, c := range name {
		h = (h ^ uint64(c)) * prime
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return int((h ^ h>>33) % uint64(partitions))
}
