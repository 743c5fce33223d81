package partial

import (
	"encoding/binary"
	"math/bits"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// maxRow limits the samples or members of a row in one part. maxChanges limits its adjustments. So each
	// row fits into a part.
	maxRow     = (MaxMessage - 192<<10) / 8
	maxChanges = (MaxMessage - 192<<10) / 20
	// maxPart limits the body of a part.
	maxPart = MaxMessage - 4<<10
	// chunkBytes is the size of the memory for values. Few values are larger.
	chunkBytes = 64 << 10
)

// Rows are the rows of an interval, divided into partitions. Add encodes the values of a row at once, so
// Rows keeps only the names and the encoded values. Rows can be reused.
type Rows struct {
	end   int64
	cut   []partition
	chunk []byte // for values
	n     int

	scaled []int64 // memory for the samples of a timer
}

// partition is the rows of a partition, or of a part of it, by kind.
type partition [metric.Kinds][]row

// row is a row with an encoded value.
type row struct{ name, value []byte }

// NewRows returns Rows for an Encoder with the same number of partitions.
func NewRows(partitions int) *Rows { return &Rows{cut: make([]partition, partitions)} }

// Begin drops all rows and begins an interval; end is in Unix nanoseconds.
func (s *Rows) Begin(end int64) {
	s.end, s.chunk, s.n = end, nil, 0
	for p := range s.cut {
		for kind, rows := range s.cut[p] {
			clear(rows)
			s.cut[p][kind] = rows[:0]
		}
	}
}

// Len returns the number of rows.
func (s *Rows) Len() int { return s.n }

// Add adds a row. It keeps the name, which must not change until Encode. It keeps no other memory of the
// row.
func (s *Rows) Add(r *aggregate.Row) {
	rows := &s.cut[PartitionOf(r.Name, len(s.cut))][r.Kind]
	for rest := *r; ; {
		part := rest
		part.Samples, rest.Samples = split(rest.Samples, maxRow)
		part.Members, rest.Members = split(rest.Members, maxRow)
		part.Adjustments, rest.Adjustments = split(rest.Adjustments, maxChanges)
		s.add(rows, &part)
		if len(rest.Samples)+len(rest.Members)+len(rest.Adjustments) == 0 {
			return
		}
		rest.Set, rest.Sketch, rest.Weight = aggregate.GaugeChange{}, nil, 0 // the receiver adds the parts of a row up
	}
}

// split returns the first values, at most n, and the remaining ones.
func split[T any](values []T, n int) (part, rest []T) {
	n = min(len(values), n)
	return values[:n:n], values[n:]
}

func (s *Rows) add(rows *[]row, r *aggregate.Row) {
	if size := maxSize(r); size > cap(s.chunk)-len(s.chunk) {
		s.chunk = make([]byte, 0, max(chunkBytes, size))
	}
	from := len(s.chunk)
	s.chunk = s.appendValue(s.chunk, r)
	*rows = append(*rows, row{r.Name, s.chunk[from:len(s.chunk):len(s.chunk)]})
	s.n++
}

// maxSize returns the greatest possible size of a row's value in bytes.
func maxSize(r *aggregate.Row) int {
	n := 64 + 10*len(r.Samples) + 8*len(r.Members) + 20*len(r.Adjustments)
	if s := r.Sketch; s != nil {
		n += 128 + 14*(len(s.Positive)+len(s.Negative))
	}
	return n
}

// rows returns the number of rows.
func (p *partition) rows() (n int) {
	for _, rows := range p {
		n += len(rows)
	}
	return n
}

// parts divides a partition into parts that are small enough even without compression. It returns at least one part.
func (p *partition) parts() []partition {
	parts, size := make([]partition, 1), 0
	for kind, rows := range p {
		from := 0
		for i := range rows {
			n := len(rows[i].name) + len(rows[i].value) + 2*binary.MaxVarintLen32
			if size+n > maxPart && size > 0 {
				parts[len(parts)-1][kind] = rows[from:i]
				parts, size, from = append(parts, partition{}), 0, i
			}
			size += n
		}
		parts[len(parts)-1][kind] = rows[from:]
	}
	return parts
}

// appendBody encodes the rows, which are in order.
func (p *partition) appendBody(b []byte) []byte {
	for _, rows := range p {
		b = binary.AppendUvarint(b, uint64(len(rows)))
		b = appendNames(b, rows)
		for i := range rows {
			b = append(b, rows[i].value...)
		}
	}
	return b
}

func appendNames(b []byte, rows []row) []byte {
	var last []byte
	for i := range rows {
		name := rows[i].name
		shared := commonPrefix(last, name)
		b = binary.AppendUvarint(b, uint64(shared))
		b = appendText(b, name[shared:])
		last = name
	}
	return b
}

// commonPrefix returns the length of the common prefix of two names.
func commonPrefix(a, b []byte) int {
	n := 0
	for len(a)-n >= 8 && len(b)-n >= 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
