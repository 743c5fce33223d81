package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/klauspost/compress/s2"

	"github.com/statsd-ops/statsd/metric"
)

// A record consists of
//
//	magic, version | length of the head, head | length of the fields, fields | messages | CRC-32C
//
// The head and the fields are compressed with S2. Numbers are varints, as in protobuf. The fields are everything in
// the record except the head and the rows. The messages contain the rows: they are messages of package partial, and
// each follows its length.
const recordVersion = 1

var (
	recordMagic = [2]byte{'s', 'w'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)

	errRecord = errors.New("the record is damaged")
)

// maxUnpacked is the maximum size of a decompressed head, and of the decompressed fields of a record.
const maxUnpacked = 1 << 30

// codec encodes and decodes records. Only one goroutine may use it at a time.
type codec struct{ block, packed []byte }

func (c *codec) encode(r *record) []byte {
	size := 256
	for _, m := range r.rows {
		size += len(m) + binary.MaxVarintLen64
	}
	b := append(make([]byte, 0, size), recordMagic[0], recordMagic[1], recordVersion)
	w := writer{c.block[:0]}
	w.head(&r.Head)
	b = c.appendPacked(b, w.b)
	w.b = w.b[:0]
	w.rest(r)
	b = c.appendPacked(b, w.b)
	c.block = w.b
	for _, m := range r.rows {
		b = append(binary.AppendUvarint(b, uint64(len(m))), m...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (c *codec) appendPacked(b, block []byte) []byte {
	c.packed = s2.Encode(c.packed[:cap(c.packed)], block)
	return append(binary.AppendUvarint(b, uint64(len(c.packed))), c.packed...)
}

// decode decodes a record. The record's rows are parts of the slice b.
func (c *codec) decode(b []byte) (*record, error) {
	r := &record{}
	rest, err := c.decodeHead(b, &r.Head)
	if err != nil {
		return nil, err
	}
	block, rest, err := c.unpackBlock(rest)
	if err != nil {
		return nil, err
	}
	from := reader{rest: block}
	from.readRest(r)
	for len(rest) > 0 {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return nil, errRecord
		}
		r.rows = append(r.rows, rest[size:size+int(n)])
		rest = rest[size+int(n):]
	}
	if from.bad || len(from.rest) > 0 {
		return nil, errRecord
	}
	return r, nil
}

// decodeHead decodes only the head of a record. It returns the bytes after the head.
func (c *codec) decodeHead(b []byte, h *Head) (rest []byte, err error) {
	end := len(b) - crc32.Size
	if end < 3 || b[0] != recordMagic[0] || b[1] != recordMagic[1] {
		return nil, errRecord
	}
	if b[2] != recordVersion {
		return nil, fmt.Errorf("the record has version %d, this daemon reads version %d: upgrade all owners", b[2], recordVersion)
	}
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, errRecord
	}
	block, rest, err := c.unpackBlock(b[3:end])
	if err != nil {
		return nil, err
	}
	from := reader{rest: block}
	from.readHead(h)
	if from.bad {
		return nil, errRecord
	}
	return rest, nil
}

func (c *codec) unpackBlock(b []byte) (block, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, errRecord
	}
	packed := b[size : size+int(n)]
	if length, err := s2.DecodedLen(packed); err != nil || length > maxUnpacked {
		return nil, nil, errRecord
	}
	if block, err = s2.Decode(nil, packed); err != nil {
		return nil, nil, errors.Join(errRecord, err)
	}
	return block, b[size+int(n):], nil
}

// writer appends numbers and texts to a buffer.
type writer struct{ b []byte }

func (w *writer) uint(v uint64)     { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)       { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) float(v float64)   { w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(v)) }
func (w *writer) text(text string)  { w.uint(uint64(len(text))); w.b = append(w.b, text...) }
func (w *writer) bytes(text []byte) { w.uint(uint64(len(text))); w.b = append(w.b, text...) }

func (w *writer) head(h *Head) {
	w.text(h.Owner)
	w.int(h.Epoch)
	w.uint(h.Revision)
	for _, v := range []int64{h.Closed, h.Undelivered, h.Stale} {
		w.int(v)
	}
	w.uint(h.Applied)
	w.uint(uint64(len(h.Held)))
	for _, seq := range h.Held {
		w.uint(h.Applied - seq)
	}
	w.uint(uint64(len(h.Checkpoints)))
	for _, window := range h.Checkpoints {
		w.int(window)
	}
	w.uint(uint64(len(h.Edges)))
	for i := range h.Edges {
		e := &h.Edges[i]
		w.text(e.Name)
		w.int(e.Epoch)
		w.uint(e.Number)
		w.uint(e.Samples)
		for _, v := range []int64{e.Window, e.First, e.Heard, e.Ahead} {
			w.int(v)
		}
	}
	for _, n := range h.Counts.all() {
		w.uint(*n)
	}
}

func (c *Counts) all() []*uint64 {
	return []*uint64{
		&c.Merged, &c.Corrected, &c.Duplicates, &c.Late, &c.Damaged, &c.Foreign, &c.Future, &c.Missing,
		&c.Rows, &c.Refused, &c.Samples, &c.Lost,
	}
}

func (w *writer) rest(r *record) {
	w.int(r.window)
	w.uint(r.revision)
	w.uint(r.samples)
	w.uint(uint64(len(r.seen)))
	for _, id := range r.seen.sorted() {
		w.text(id.edge)
		w.int(id.epoch)
		w.uint(id.number)
		w.uint(uint64(id.part))
	}
	if r.checkpoint == nil {
		w.uint(0)
		return
	}
	w.uint(uint64(len(r.checkpoint)) + 1)
	for i := range r.checkpoint {
		k := &r.checkpoint[i]
		w.uint(uint64(k.Kind))
		w.bytes(k.Name)
		w.uint(uint64(k.Unseen))
		if k.Kind == metric.Gauge {
			w.float(k.Value)
			w.int(k.Set)
		}
	}
}
