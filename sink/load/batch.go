package load

import (
	"encoding/binary"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// batch carries the values of one flush interval from the flush to the history. Each name is stored
// as its kind, the length of the rest, the length of the name, the name, and the totals.
type batch struct {
	end     time.Time // end of the interval
	data    []byte
	names   int
	refused int // number of names that did not fit
}

// empty removes the names. It keeps only as much memory as the last use needed, so that memory is freed after a flood
// of names.
func (b *batch) empty() {
	if len(b.data) < cap(b.data)/4 {
		b.data = nil
	}
	b.data, b.names, b.refused = b.data[:0], 0, 0
}

// writer fills batches. Only the flush uses it.
type writer struct {
	max    int // bytes of a batch
	sorter sorter
	totals totals
	record []byte
}

// add appends a name's totals if there is room.
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

// reading is one name of a batch.
type reading struct {
	kind   metric.Kind
	name   []byte
	totals []byte
}

// readings yields the names of the batch.
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
