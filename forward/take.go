package forward

import (
	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/partial"
)

const (
	// payloadBytes is the approximate size of a full payload. One message can be larger.
	payloadBytes = 1 << 20
	// maxSpare limits the Rows that are kept for reuse.
	maxSpare = 2
)

// Flush is the forwarded part of an interval.
type Flush struct {
	edge     *Edge
	rows     *partial.Rows
	interval partial.Interval
}

// Collected describes an interval.
type Collected struct {
	End     int64  // in Unix nanoseconds
	Samples uint64 // in the whole interval
	Sinks   bool   // this daemon publishes the names too
}

// Take reads the rows of an interval. It removes their names from the summary of the interval, unless this
// daemon publishes them too. Only the flush loop calls Take, after Join.
func (e *Edge) Take(iv *aggregate.Interval, c Collected) *Flush {
	rows := e.emptyRows()
	rows.Begin(c.End)
	iv.Rows(func(r *aggregate.Row) {
		if e.Forwards(r.Name) {
			rows.Add(r)
		}
	})
	if both := c.Sinks && !e.cfg.ForwardOnly && len(e.cfg.ForwardMatch) == 0; !both {
		iv.Omit = e.Forwards
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.number++
	e.samples += c.Samples
	return &Flush{edge: e, rows: rows, interval: partial.Interval{Number: e.number, End: c.End, Samples: c.Samples}}
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

// Units returns the number of units that the ledgers count for the flush: its rows, and one for the interval.
func (f *Flush) Units() int { return f.rows.Len() + 1 }

// Encode calls emit with payloads of messages, and with the units of each payload. emit owns the payload.
// Only one goroutine may encode the flushes of an Edge, in their order. Encode can be called once.
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
