package load

import (
	"encoding/binary"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// batch contains the values of one flush interval. The flush fills it, and the history reads it. For each name it
// stores: the kind, the number of bytes that follow, the length of the name, the name, and the totals.
type batch struct {
	end     time.Time // end of the flush interval
	data    []byte
	names   int
	refused int // number of names that did not fit into the batch
}

// empty removes all names. It keeps only as much memory as the last flush needed, so that memory is freed after a
// flood of names.
func (b *batch) empty() {
	if len(b.data) < cap(b.data)/4 {
		b.data = nil
	}
	b.data, b.names, b.refused = b.data[:0], 0, 0
}

// writer writes batches. Only the flush goroutine uses it.
type writer struct {
	max    int // maximum size of a batch in bytes
	sorter sorter
	totals totals
	record []byte
}

// add appends the totals of a name if the batch has room for them.
func (w *writer) add(b *batch, c *metric.Collected) {
	t := &w.totals
	t.reset()
	switch c.Kind {
	case metric.Timer:
		t.weight, t.sum, t.lower, t.upper = c.Weight, c.Sum, c.Lower, c.Upper
		t.bins = w.sorter.sort(t.bins, c)
	case metric.Set:
		t.setMembers(c.Members)
	default:
		t.value = c.Value
	}
	r := binary.AppendUvarint(w.record[:0], uint64(len(c.Name)))
	r = append(r, c.Name...)
	r = t.append(r, c.Kind)
	w.record = r
	const head = 1 + binary.MaxVarintLen32
	if len(b.data)+head+len(r) > w.max {
		b.refused++
		return
	}
	b.data = append(b.data, byte(c.Kind))
	b.data = binary.AppendUvarint(b.data, uint64(len(r)))
	b.data = append(b.data, r...)
	b.names++
}

// reading is a name in a batch, with its totals.
type reading struct {
	kind   metric.Kind
	name   []byte
	totals []byte
}

// readings yields all names in the batch.
func (b *batch) readings(yield func(reading) bool) {
	for data := b.data; len(data) > 0; {
		kind := metric.Kind(data[0])
		n, rest := readUvarint(data[1:])
		record := rest[:n]
		data = rest[n:]
		n, rest = readUvarint(record)
		if !yield(reading{kind, rest[:n], rest[n:]}) {
			return
		}
	}
}
