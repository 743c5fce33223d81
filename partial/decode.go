package partial

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/klauspost/compress/s2"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// Body contains the rows of a message in encoded form.
type Body struct {
	header Header
	flags  byte
	size   int // size after decompression
	bytes  []byte
}

// Open checks a message and reads its header. The body is a subslice of the message. The error is a
// *VersionError, or wraps ErrDamaged.
func Open(message []byte) (Header, Body, error) {
	const least = 4 + crc32.Size
	if len(message) < least || message[0] != magic[0] || message[1] != magic[1] {
		return Header{}, Body{}, damaged("it is too short, or its first bytes are wrong")
	}
	end := len(message) - crc32.Size
	if crc32.Checksum(message[:end], castagnoli) != binary.LittleEndian.Uint32(message[end:]) {
		return Header{}, Body{}, damaged("its checksum is wrong")
	}
	if message[2] < oldest || message[2] > Version {
		return Header{}, Body{}, &VersionError{message[2]}
	}
	r := reader{rest: message[4:end]}
	h := Header{Edge: string(r.text(MaxEdge)), Epoch: r.varint(), Number: r.uvarint(), End: r.varint()}
	for _, n := range []*int{&h.Partition, &h.Partitions, &h.Part, &h.Parts} {
		*n = r.count(math.MaxInt32)
	}
	h.Samples, h.Rows = r.uvarint(), r.count(maxBody)
	body := Body{header: h, flags: message[3], size: r.count(maxBody), bytes: r.rest}
	if r.bad || h.Edge == "" || h.Partitions < 1 || h.Partitions > MaxPartitions || h.Partition >= h.Partitions || h.Part >= h.Parts || body.flags > flagPacked {
		return Header{}, Body{}, damaged("its header is invalid")
	}
	return h, body, nil
}

// Decoder decodes the rows of messages. Only one goroutine at a time may use it.
type Decoder struct {
	unpacked []byte
	rows     decoder
}

// NewDecoder returns a Decoder for any number of messages.
func NewDecoder() *Decoder { return &Decoder{} }

func (dec *Decoder) unpack(b *Body) ([]byte, error) {
	if b.flags&flagPacked == 0 {
		if len(b.bytes) != b.size {
			return nil, damaged("its body has %d bytes, the header says %d", len(b.bytes), b.size)
		}
		return b.bytes, nil
	}
	if n, err := s2.DecodedLen(b.bytes); err != nil || n != b.size {
		return nil, damaged("its body cannot be unpacked to %d bytes", b.size)
	}
	body, err := s2.Decode(dec.unpacked[:cap(dec.unpacked)], b.bytes)
	if err != nil {
		return nil, damaged("its body cannot be unpacked: %v", err)
	}
	dec.unpacked = body
	return body, nil
}

// Rows calls visit for each row of a body, sorted by kind and name. A row is valid until visit
// returns. If the body is damaged, Rows calls visit for the rows before the damage, and returns an
// error that wraps ErrDamaged. It does not find all damage: a row that it passes to visit can contain
// impossible values. Shard.Merge checks for them.
func (dec *Decoder) Rows(b *Body, visit func(*aggregate.Row)) error {
	body, err := dec.unpack(b)
	if err != nil {
		return err
	}
	d := &dec.rows
	d.reader, d.end = reader{rest: body}, b.header.End
	rows := 0
	for kind := range metric.Kind(metric.Kinds) {
		n := d.count(len(d.rest))
		d.names(n)
		for i := 0; i < n && !d.bad; i++ {
			d.row.Kind, d.row.Name = kind, d.name(i)
			d.value()
			if !d.bad {
				visit(&d.row)
				rows++
			}
		}
	}
	if d.bad || len(d.rest) > 0 || rows != b.header.Rows {
		return damaged("its body is invalid after %d of %d rows", rows, b.header.Rows)
	}
	return nil
}

// decoder decodes a body. Its slices are reused for each row.
type decoder struct {
	reader
	end    int64
	text   []byte
	ends   []int // indexes in text at which the names end
	row    aggregate.Row
	sketch aggregate.Sketch
}

// names decodes the names of n rows into d.text and d.ends.
func (d *decoder) names(n int) {
	d.text, d.ends = d.text[:0], d.ends[:0]
	last := 0 // index in text at which the previous name begins
	for range n {
		begin := len(d.text)
		shared := d.count(begin - last)
		d.text = append(d.text, d.text[last:last+shared]...)
		d.text = append(d.text, d.reader.text(len(d.rest))...)
		if d.bad || len(d.text) > maxBody {
			d.bad = true
			return
		}
		d.ends = append(d.ends, len(d.text))
		last = begin
	}
}

func (d *decoder) name(i int) []byte {
	from := 0
	if i > 0 {
		from = d.ends[i-1]
	}
	return d.text[from:d.ends[i]:d.ends[i]]
}

// value decodes the value of the next row into d.row.
func (d *decoder) value() {
	r := &d.row
	r.Value, r.Set, r.Weight, r.Millis, r.Sketch = 0, aggregate.GaugeChange{}, 0, false, nil
	r.Adjustments, r.Samples, r.Members = r.Adjustments[:0], r.Samples[:0], r.Members[:0]
	switch r.Kind {
	case metric.Counter:
		r.Value = d.number()
	case metric.Gauge:
		first := d.uvarint()
		if first&1 != 0 {
			r.Set = d.change()
		}
		for n := d.limit(first>>1, 2); n > 0; n-- {
			r.Adjustments = append(r.Adjustments, d.change())
		}
	case metric.Timer:
		d.timer()
	default:
		for n := d.limit(d.uvarint(), 8); n > 0; n-- {
			r.Members = append(r.Members, d.fixed())
		}
	}
}

func (d *decoder) change() aggregate.GaugeChange {
	return aggregate.GaugeChange{At: d.end - d.varint(), Value: d.number()}
}

func (d *decoder) timer() {
	r, first := &d.row, d.uvarint()
	r.Millis, r.Weight = first&timerMillis != 0, d.number()
	form := int(first / timerForm % (timerForms + 1))
	if form == formAsIs {
		for n := d.limit(first>>timerShift, 8); n > 0; n-- {
			r.Samples = append(r.Samples, math.Float64frombits(d.fixed()))
		}
	} else {
		d.decimals(d.limit(first>>timerShift, 1), form-formDecimals)
	}
	if first&timerSketch != 0 {
		d.readSketch()
	}
}

// decimals decodes n samples in ascending order. Each sample is encoded as the difference to the
// previous sample.
func (d *decoder) decimals(n, decimals int) {
	if decimals > maxDecimals {
		d.bad = true
		return
	}
	last, rest := int64(0), d.rest
	for ; n > 0 && len(rest) > 0; n-- { // varints are decoded without a function call, because a message consists mostly of samples
		v, size := uint64(rest[0]), 1
		if v >= 0x80 {
			if v, size = binary.Uvarint(rest); size <= 0 {
				break
			}
		}
		rest = rest[size:]
		last += int64(v>>1) ^ -int64(v&1)
		d.row.Samples = append(d.row.Samples, float64(last)/powers[decimals])
	}
	d.rest, d.bad = rest, d.bad || n > 0
}

func (d *decoder) readSketch() {
	s := &d.sketch
	*s = aggregate.Sketch{Count: d.count(math.MaxInt32), Negative: s.Negative[:0], Positive: s.Positive[:0]}
	for _, v := range []*float64{&s.Zero, &s.Lower, &s.Upper, &s.Sum[0], &s.Sum[1], &s.Squares[0], &s.Squares[1], &s.Distances[0], &s.Distances[1], &s.Origin} {
		*v = math.Float64frombits(d.fixed())
	}
	for _, bins := range []*[]aggregate.SketchBin{&s.Negative, &s.Positive} {
		last := int32(0)
		for n := d.limit(d.uvarint(), 2); n > 0; n-- {
			last += int32(d.varint())
			*bins = append(*bins, aggregate.SketchBin{Index: last, Count: d.number()})
		}
	}
	d.row.Sketch = s
}
