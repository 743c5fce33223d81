package partial

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// flagPacked marks a body that is compressed.
const flagPacked = 1

// maxRow limits the samples or members that a row has in one part, so that a part has room for it.
const maxRow = (MaxMessage - 16<<10) / 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encoder encodes the intervals of one edge. One goroutine may use it.
type Encoder struct {
	edge       string
	epoch      int64
	partitions int
	zstd       *zstd.Encoder
	rows       [][]aggregate.Row // by partition
	body       []byte
	packed     []byte
	sorted     []float64
}

// NewEncoder returns an Encoder of an edge that started at epoch, in Unix nanoseconds.
func NewEncoder(edge string, epoch int64, partitions int) (*Encoder, error) {
	switch {
	case edge == "" || len(edge) > maxEdge:
		return nil, damaged("the edge's name has %d bytes, want 1 to %d", len(edge), maxEdge)
	case partitions < 1 || partitions > MaxPartitions:
		return nil, damaged("%d partitions, want 1 to %d", partitions, MaxPartitions)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	return &Encoder{edge: edge, epoch: epoch, partitions: partitions, zstd: z, rows: make([][]aggregate.Row, partitions)}, nil
}

// Interval is the interval whose rows are encoded.
type Interval struct {
	Number  uint64 // counts the intervals of the edge, from 1
	End     int64  // in Unix nanoseconds
	Samples uint64
}

// Add adds a row. Its slices must not change until Encode.
func (e *Encoder) Add(r *aggregate.Row) {
	p := PartitionOf(r.Name, e.partitions)
	e.rows[p] = append(e.rows[p], *r)
}

// Encode calls emit with each message of the rows added since the last Encode. emit owns the message.
// Each partition gets at least one, also without rows: it tells the owner of the partition that the
// edge has nothing more for this interval, and that none of its numbers is missing.
func (e *Encoder) Encode(iv Interval, emit func(h Header, message []byte)) {
	h := Header{Edge: e.edge, Epoch: e.epoch, Number: iv.Number, End: iv.End, Partitions: e.partitions}
	home := PartitionOf([]byte(e.edge), e.partitions)
	for p, rows := range e.rows {
		h.Partition, h.Samples = p, 0
		if p == home {
			h.Samples = iv.Samples
		}
		e.encodePartition(h, rows, emit)
		e.rows[p] = rows[:0]
		clear(rows)
	}
}

// encodePartition emits the rows of one partition, in parts.
func (e *Encoder) encodePartition(h Header, rows []aggregate.Row, emit func(Header, []byte)) {
	rows = splitRows(rows)
	slices.SortFunc(rows, func(a, b aggregate.Row) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Name, b.Name))
	})
	parts := cutParts(rows)
	h.Parts = len(parts)
	for i, part := range parts {
		h.Part, h.Rows = i, len(part)
		emit(h, e.message(h, part))
		h.Samples = 0
	}
}

// splitRows splits rows that are too large for one part: samples and members add up again.
func splitRows(rows []aggregate.Row) []aggregate.Row {
	for i := 0; i < len(rows); i++ {
		r := &rows[i]
		if len(r.Samples) <= maxRow && len(r.Members) <= maxRow {
			continue
		}
		rest := aggregate.Row{Kind: r.Kind, Name: r.Name, Millis: r.Millis}
		if len(r.Samples) > maxRow {
			r.Samples, rest.Samples = r.Samples[:maxRow], r.Samples[maxRow:]
		}
		if len(r.Members) > maxRow {
			r.Members, rest.Members = r.Members[:maxRow], r.Members[maxRow:]
		}
		rows = append(rows, rest)
	}
	return rows
}

// cutParts cuts rows into parts that are small enough without compression.
func cutParts(rows []aggregate.Row) (parts [][]aggregate.Row) {
	size, from := 0, 0
	for i := range rows {
		n := maxSize(&rows[i])
		if size+n > MaxMessage-4<<10 && i > from {
			parts = append(parts, rows[from:i])
			size, from = 0, i
		}
		size += n
	}
	return append(parts, rows[from:])
}

// maxSize returns the most bytes that a row takes.
func maxSize(r *aggregate.Row) int {
	n := len(r.Name) + 64 + 8*len(r.Samples) + 8*len(r.Members) + 20*len(r.Adjustments)
	if s := r.Sketch; s != nil {
		n += 128 + 14*(len(s.Positive)+len(s.Negative))
	}
	return n
}

// message encodes one part.
func (e *Encoder) message(h Header, rows []aggregate.Row) []byte {
	e.body = e.appendBody(e.body[:0], h.End, rows)
	flags, body := byte(0), e.body
	if e.packed = e.zstd.EncodeAll(e.body, e.packed[:0]); len(e.packed) < len(e.body) {
		flags, body = flagPacked, e.packed
	}
	b := make([]byte, 0, len(h.Edge)+len(body)+96)
	b = append(b, magic[0], magic[1], Version, flags)
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
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// appendBody encodes rows, which are in order.
func (e *Encoder) appendBody(b []byte, end int64, rows []aggregate.Row) []byte {
	for kind := range metric.Kind(metric.Kinds) {
		n := 0
		for n < len(rows) && rows[n].Kind == kind {
			n++
		}
		b = binary.AppendUvarint(b, uint64(n))
		b = appendNames(b, rows[:n])
		for i := range rows[:n] {
			b = e.appendValue(b, end, &rows[i])
		}
		rows = rows[n:]
	}
	return b
}

func appendNames(b []byte, rows []aggregate.Row) []byte {
	var last []byte
	for i := range rows {
		name := rows[i].Name
		shared := 0
		for shared < len(last) && shared < len(name) && last[shared] == name[shared] {
			shared++
		}
		b = binary.AppendUvarint(b, uint64(shared))
		b = appendText(b, name[shared:])
		last = name
	}
	return b
}

func (e *Encoder) appendValue(b []byte, end int64, r *aggregate.Row) []byte {
	switch r.Kind {
	case metric.Counter:
		return appendNumber(b, r.Value)
	case metric.Gauge:
		return appendGauge(b, end, r)
	case metric.Timer:
		return e.appendTimer(b, r)
	default:
		return appendMembers(b, r.Members)
	}
}

// appendGauge encodes the settings and the adjustments of a gauge. Times are relative to the end of the
// interval.
func appendGauge(b []byte, end int64, r *aggregate.Row) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.Adjustments))<<1|bit(r.Set.At != 0))
	if r.Set.At != 0 {
		b = appendNumber(binary.AppendVarint(b, end-r.Set.At), r.Set.Value)
	}
	for _, a := range r.Adjustments {
		b = appendNumber(binary.AppendVarint(b, end-a.At), a.Value)
	}
	return b
}

func appendMembers(b []byte, members []uint64) []byte {
	slices.Sort(members)
	b = binary.AppendUvarint(b, uint64(len(members)))
	for _, m := range members {
		b = binary.LittleEndian.AppendUint64(b, m)
	}
	return b
}

// The bits of a timer's first number, below the number of samples.
const (
	timerMillis  = 1
	timerSketch  = 2
	timerForm    = 4 // up to 7 of them: see appendSamples
	timerShift   = 5
	timerForms   = 7
	formAsIs     = 0
	maxDecimals  = 3
	formDecimals = 1 // and 2, 3, 4 for one to three decimals
)

func (e *Encoder) appendTimer(b []byte, r *aggregate.Row) []byte {
	form, scale := e.form(r.Samples)
	first := uint64(len(r.Samples))<<timerShift | uint64(form)*timerForm | bit(r.Sketch != nil)*timerSketch | bit(r.Millis)*timerMillis
	b = appendNumber(binary.AppendUvarint(b, first), r.Weight)
	if form == formAsIs {
		for _, v := range r.Samples {
			b = appendFloat(b, v)
		}
	} else {
		last := int64(0)
		for _, v := range e.sorted {
			n := int64(math.Round(v * scale))
			b = binary.AppendVarint(b, n-last)
			last = n
		}
	}
	if r.Sketch != nil {
		b = appendSketch(b, r.Sketch)
	}
	return b
}

var powers = [maxDecimals + 1]float64{1, 10, 100, 1000}

// form decides how samples are encoded: as they are, or, if all have few decimals, as whole numbers in
// order, each as its distance to the one before. Then e.sorted has the samples in order.
func (e *Encoder) form(samples []float64) (form int, scale float64) {
	decimals := 0
	for _, v := range samples {
		for !isDecimal(v, powers[decimals]) {
			if decimals++; decimals > maxDecimals {
				return formAsIs, 1
			}
		}
	}
	if len(samples) == 0 {
		return formAsIs, 1
	}
	e.sorted = append(e.sorted[:0], samples...)
	slices.Sort(e.sorted)
	return formDecimals + decimals, powers[decimals]
}

// isDecimal reports whether a whole number divided by scale is exactly v.
func isDecimal(v, scale float64) bool {
	n := math.Round(v * scale)
	return math.Abs(n) < 1<<52 && n/scale == v && !(v == 0 && math.Signbit(v))
}

func appendSketch(b []byte, s *aggregate.Sketch) []byte {
	b = binary.AppendUvarint(b, uint64(s.Count))
	for _, v := range []float64{s.Zero, s.Lower, s.Upper, s.Sum[0], s.Sum[1], s.Squares[0], s.Squares[1], s.Distances[0], s.Distances[1], s.Origin} {
		b = appendFloat(b, v)
	}
	for _, bins := range [][]aggregate.SketchBin{s.Negative, s.Positive} {
		b = binary.AppendUvarint(b, uint64(len(bins)))
		last := int32(0)
		for _, bin := range bins {
			b = appendNumber(binary.AppendVarint(b, int64(bin.Index-last)), bin.Count)
			last = bin.Index
		}
	}
	return b
}

// appendNumber encodes a float64: a whole number as a varint with the lowest bit 0, others as a 1 and
// eight bytes.
func appendNumber(b []byte, v float64) []byte {
	if isDecimal(v, 1) {
		n := int64(v)
		return binary.AppendUvarint(b, (uint64(n<<1)^uint64(n>>63))<<1)
	}
	return appendFloat(append(b, 1), v)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func appendText(b, text []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
