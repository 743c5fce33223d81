package partial

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
)

// flagPacked marks a message with a compressed body.
const flagPacked = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encoder encodes the rows of one edge as messages. Only one goroutine at a time may use it.
type Encoder struct {
	edge       string
	epoch      int64
	partitions int
	body       []byte
	packed     []byte
	message    []byte
	sorter     sorter
}

// NewEncoder returns an Encoder for an edge. epoch is the time when the edge started, in Unix
// nanoseconds.
func NewEncoder(edge string, epoch int64, partitions int) (*Encoder, error) {
	switch {
	case edge == "" || len(edge) > MaxEdge:
		return nil, damaged("the name of the edge daemon has %d bytes, and must have between 1 and %d", len(edge), MaxEdge)
	case partitions < 1 || partitions > MaxPartitions:
		return nil, damaged("%d partitions: the number must be between 1 and %d", partitions, MaxPartitions)
	}
	return &Encoder{edge: edge, epoch: epoch, partitions: partitions}, nil
}

// Interval identifies the interval whose rows are encoded.
type Interval struct {
	Number  uint64 // number of the interval since the start of the edge, counted from 1
	End     int64  // end of the interval in Unix nanoseconds, as given to Rows.Begin
	Samples uint64
}

// Encode calls emit for each message. A message is valid until emit returns. There is at least one
// message for each partition, even if the partition has no rows. A message without rows tells the
// owner that the edge has no rows for this interval, so that the owner does not wait for them.
func (e *Encoder) Encode(iv Interval, rows *Rows, emit func(h Header, message []byte)) {
	h := Header{Edge: e.edge, Epoch: e.epoch, Number: iv.Number, End: iv.End, Partitions: e.partitions}
	home := h.home()
	for p := range rows.cut {
		h.Partition, h.Samples = p, 0
		if p == home {
			h.Samples = iv.Samples
		}
		e.encodePartition(h, &rows.cut[p], emit)
	}
}

// encodePartition encodes and emits the rows of one partition, split into parts.
func (e *Encoder) encodePartition(h Header, rows *partition, emit func(Header, []byte)) {
	for kind := range rows {
		e.sorter.sort(rows[kind])
	}
	parts := rows.parts()
	h.Parts = len(parts)
	for i := range parts {
		h.Part, h.Rows = i, parts[i].rows()
		emit(h, e.encodePart(h, &parts[i]))
		h.Samples = 0
	}
}

// encodePart encodes one part as a message.
func (e *Encoder) encodePart(h Header, rows *partition) []byte {
	e.body = rows.appendBody(e.body[:0])
	flags, body := byte(0), e.body
	e.packed = s2.Encode(e.packed[:cap(e.packed)], e.body)
	if len(e.packed) < len(e.body) {
		flags, body = flagPacked, e.packed
	}
	b := append(e.message[:0], magic[0], magic[1], Version, flags)
	b = appendText(b, []byte(h.Edge))
	b = binary.AppendVarint(b, h.Epoch)
	b = binary.AppendUvarint(b, h.Number)
	b = binary.AppendVarint(b, h.End)
	for _, n := range []int{h.Partition, h.Partitions, h.Part, h.Parts} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, h.Samples)
	b = binary.AppendUvarint(b, uint64(h.Rows))
	b = binary.AppendUvarint(b, uint64(len(e.body)))
	b = append(b, body...)
	e.message = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return e.message
}
