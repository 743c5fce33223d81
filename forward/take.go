package forward

import (
	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/partial"
)

const (
	// payloadBytes is about the most bytes of a payload. One message can be larger.
	payloadBytes = 1 << 20
	// maxSpare limits the Rows that are kept for reuse.
	maxSpare = 2
)

// Flush is what an Edge forwards of an interval.
type Flush struct {
	edge     *Edge
	rows     *partial.Rows
	interval partial.Interval
}

// Take reads the rows of an interval that ends at end, in Unix nanoseconds, and leaves their names out of
// its summary unless they are published here too. samples is the number of samples in the interval. Only
// the flush loop calls Take, after Join.
func (e *Edge) Take(iv *aggregate.Interval, end int64, samples uint64) *Flush {
	rows := e.emptyRows()
	rows.Begin(end)
	iv.Rows(func(r *aggregate.Row) {
		if e.Forwards(r.Name) {
			rows.Add(r)
		}
	})
	if !e.cfg.PublishAll {
		iv.Omit = e.Forwards
	}
	e.number++
	return &Flush{edge: e, rows: rows, interval: partial.Interval{Number: e.number, End: end, Samples: samples}}
}

// Forwards reports whether a name is forwarded.
func (e *Edge) Forwards(name []byte) bool {
	for _, g := range e.cfg.ForwardMatch {
		if g.Match(string(name)) {
			return true
		}
	}
	return len(e.cfg.ForwardMatch) == 0
}

func (e *Edge) emptyRows() *partial.Rows {
	select {
	case rows := <-e.spare:
		return rows
	default:
		return partial.NewRows(e.settings.Partitions)
	}
}

// Units returns what the flush counts in ledgers: its rows, and one for the interval.
func (f *Flush) Units() int { return f.rows.Len() + 1 }

// Encode calls emit with payloads of messages, and the units of each. emit owns the payload. Only one
// goroutine may encode the flushes of an Edge, in their order. Encode can be called once.
func (f *Flush) Encode(emit func(payload []byte, units int)) {
	var payload []byte
	units := 0
	f.edge.encoder.Encode(f.interval, f.rows, func(h partial.Header, m []byte) {
		if n := h.Units(); n > 0 && units > 0 && len(payload)+len(m) > payloadBytes {
			emit(payload, units)
			payload, units = nil, 0
		}
		payload = partial.AppendMessage(payload, m)
		units += h.Units()
	})
	emit(payload, units)
	select {
	case f.edge.spare <- f.rows:
	default:
	}
}
