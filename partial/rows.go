package partial

import (
	"encoding/binary"
	"math/bits"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// maxRow limits the samples or members of a row in one part. maxChanges limits the adjustments of
	// a row in one part. So each row of a part fits into a message.
	maxRow     = (MaxMessage - 192<<10) / 8
	maxChanges = (MaxMessage - 192<<10) / 20
	// maxPart limits the size of a part's body.
	maxPart = MaxMessage - 4<<10
	// chunkBytes is the size of the chunks of memory for encoded values. Few values are larger than a
	// chunk.
	chunkBytes = 64 << 10
)

// Rows collects the rows of an interval, divided into partitions. Add encodes the values of a row
// at once, so Rows stores only the names and the encoded values. Rows can be reused.
type Rows struct {
	end   int64
	cut   []partition
	chunk []byte // the unused part of a block of memory for encoded values
	n     int

	scaled []int64 // memory for the scaled samples of a timer
}

// partition contains the rows of a partition, or of a part of a partition, for each kind.
type partition [metric.Kinds][]row

// row is a name with its encoded value.
type row struct{ name, value []byte }

// NewRows returns Rows for an Encoder. The Encoder must have the same number of partitions.
func NewRows(partitions int) *Rows { return &Rows{cut: make([]partition, partitions)} }

// Begin removes all rows and begins a new interval. end is the end of the interval in Unix
// nanoseconds.
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

// Add adds a row. The row's name must not change until Encode has been called. All other memory of
// the row can be reused when Add has returned.
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
		rest.Set, rest.Sketch, rest.Weight = aggregate.GaugeChange{}, nil, 0 // only the first part contains Set, Sketch and Weight
	}
}

// split returns the first n values as part, and the values after them as rest.
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

// maxSize returns an upper bound for the encoded size of a row's value in bytes.
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

// parts divides a partition into parts. Each part fits into a message even without compression.
// There is at least one part.
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

// appendBody encodes the rows. The rows must be sorted.
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
