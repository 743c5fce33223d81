// Package partial encodes the rows that a table has collected in an interval, so that another daemon can merge them.
//
// An edge divides its rows into partitions by name. It encodes each partition as one message. A large partition is
// encoded as several messages, which are called parts:
//
//	rows.Begin(end)
//	interval.Rows(rows.Add)
//	encoder.Encode(Interval{Number: n, End: end}, rows, send)
//
// An owner decodes messages and merges the rows with the rows of other edges:
//
//	header, body, err := partial.Open(message)
//	err = decoder.Rows(&body, func(r *aggregate.Row) { shard.Merge(r) })
//
// # Format
//
// A message consists of a header, a body, and a CRC-32C of both. Numbers are encoded as varints, as in protobuf. For
// each kind, the body contains the sorted names and then the values. Each name omits the prefix that it shares with the
// previous name. The body is compressed with S2, unless compression makes it larger. With zstd, bodies would be a
// seventh smaller, but compression would take four times as long. The encoding rounds no values.
//
// Each change of the format increases Version. A reader can read its own version and the previous version. The
// positions of the version and of the CRC never change. So a reader can distinguish a message of a newer version from a
// damaged message.
package partial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

const (
	// oldest is the oldest version of the format that Open can read.
	oldest = max(Version-1, 1)
	// MaxMessage is the maximum size of a message in bytes. It is below 1 MiB, the default limit of
	// NATS.
	MaxMessage = 900 << 10
	// MaxPartitions is the maximum number of partitions.
	MaxPartitions = 1 << 12
	// maxBody limits the size of a body after decompression.
	maxBody = MaxMessage
	// MaxEdge is the maximum length of an edge's name in bytes.
	MaxEdge = 255
)

var magic = [2]byte{'s', 'd'}

// ErrDamaged is the error of a message with invalid content.
var ErrDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("message is %w: "+format, append([]any{ErrDamaged}, args...)...)
}

// VersionError is the error for a message whose version of the format is not supported.
type VersionError struct{ Version byte }

// Newer reports whether the message was made by a newer version of this program.
func (e *VersionError) Newer() bool { return e.Version > Version }

func (e *VersionError) Error() string {
	return fmt.Sprintf("message has version %d of the format, this daemon reads %d to %d: upgrade the owner daemons before the edge daemons", e.Version, oldest, Version)
}

// Header says which edge made a message, and which part of which interval the message contains.
// Edge, Epoch, Number, Partition and Part together identify a message. A message that is sent again
// has the same values.
type Header struct {
	// Edge is the name of the edge that made the message.
	Edge string
	// Epoch is the time when the edge started, in Unix nanoseconds. Number is the number of the
	// interval since that start, counted from 1.
	Epoch  int64
	Number uint64
	// End is the end of the interval, in Unix nanoseconds.
	End int64
	// Partition is the number of the partition, counted from 0. Partitions is the total number of
	// partitions.
	Partition, Partitions int
	// Part is the number of this part of the partition, counted from 0. Parts is the total number of
	// parts.
	Part, Parts int
	// Samples is the number of samples in the whole interval. Only one message of each interval
	// contains it. In all other messages it is 0.
	Samples uint64
	// Rows is the number of rows in the message.
	Rows int
}

// ID returns a text that identifies the message.
func (h *Header) ID() string {
	return fmt.Sprintf("%s/%d/%d/%d/%d", h.Edge, h.Epoch, h.Number, h.Partition, h.Part)
}

// home returns the partition whose first message has one additional unit, for the interval itself
// (see Units). This partition has a message even if the interval has no rows.
func (h *Header) home() int { return PartitionOf([]byte(h.Edge), h.Partitions) }

// Units returns the number of units that ledgers count for the message. Each row is one unit. The
// first message of the partition that the method home returns has one unit more, for the interval
// itself. So an interval without rows has one unit.
func (h *Header) Units() int {
	if h.Part == 0 && h.Partition == h.home() {
		return h.Rows + 1
	}
	return h.Rows
}

// PartitionOf returns the number of a name's partition, counted from 0. The result is the same on
// every machine and in every version. The hash function resembles FNV-1a, but reads eight bytes at
// a time and mixes the bits like fmix64 of MurmurHash3.
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
