package forward

import (
	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/partial"
)

const (
	// payloadBytes limits the size of a payload with several messages, approximately. A payload with
	// a single message can be larger.
	payloadBytes = 1 << 20
	// maxSpare is the number of Rows that are kept for reuse.
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
	End     int64  // end of the interval in Unix nanoseconds
	Samples uint64 // number of samples in the whole interval
	Sinks   bool   // whether the daemon has sinks
}

// Take reads the rows of an interval. If this daemon must not publish the forwarded names, Take
// omits them from the interval's summary. Call Take after Join, and only on the flush loop.
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

// Units returns the number of units of the flush: one for each row, and one for the interval.
func (f *Flush) Units() int { return f.rows.Len() + 1 }

// Encode calls the function emit with payloads of messages, and with the number of units in each
// payload. The function may keep the payload. The flushes of an Edge must be encoded in order by
// one goroutine. Call Encode only once.
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
