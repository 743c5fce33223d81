package collect

import (
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// message is a message of an edge that waits for its window.
type message struct {
	seq    uint64
	header partial.Header
	body   partial.Body
	bytes  int
}

func (m *message) identity() identity {
	h := &m.header
	return identity{h.Edge, h.Epoch, h.Number, h.Part}
}

// open is a window that is not closed.
type open struct {
	seen     identities
	messages []message
}

// merging merges the rows of a window.
type merging struct {
	table   *aggregate.Table
	decoder *partial.Decoder
	counts  *Counts
	tags    metric.Tags
	end     int64 // of the window; latest limits the times of gauges
	latest  int64
}

// message merges a message. It returns false for a damaged message. Some rows of a damaged message may count anyway.
func (m *merging) message(msg *message) bool {
	shard := m.table.Shard(0)
	shard.Lock()
	defer shard.Unlock()
	err := m.decoder.Rows(&msg.body, func(r *aggregate.Row) {
		m.counts.Rows++
		m.limitTimes(r)
		if !m.tags.Takes(r.Name) {
			m.counts.Refused++
			return
		}
		if shard.Merge(r) != metric.None {
			m.counts.Refused++
		}
	})
	return err == nil
}

// limitTimes limits the times of a gauge. Without it, a time that is too far in the future would win over
// all later times.
func (m *merging) limitTimes(r *aggregate.Row) {
	if r.Kind != metric.Gauge {
		return
	}
	r.Set.At = min(r.Set.At, m.latest)
	for i := range r.Adjustments {
		r.Adjustments[i].At = min(r.Adjustments[i].At, m.latest)
	}
}

// record merges the rows of a committed record.
func (m *merging) record(r *record) error {
	shard := m.table.Shard(0)
	shard.Lock()
	defer shard.Unlock()
	for _, b := range r.rows {
		_, body, err := partial.Open(b)
		if err != nil {
			return err
		}
		if err := m.decoder.Rows(&body, func(r *aggregate.Row) { shard.Merge(r) }); err != nil {
			return err
		}
	}
	return nil
}

// rows returns merged rows as messages.
func (m *merging) rows(iv *aggregate.Interval, e *partial.Encoder, number uint64) (messages [][]byte) {
	rows := partial.NewRows(1)
	rows.Begin(m.end)
	iv.Rows(rows.Add)
	e.Encode(partial.Interval{Number: number, End: m.end}, rows, func(_ partial.Header, b []byte) {
		messages = append(messages, slices.Clone(b))
	})
	return messages
}
