package collect

import (
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// message is a message of an edge that waits until its window is closed.
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

// open is a window that is not closed yet.
type open struct {
	seen     identities
	messages []message
}

// merging merges rows of a window into a table.
type merging struct {
	table   *aggregate.Table
	decoder *partial.Decoder
	counts  *Counts
	tags    metric.Tags
	end     int64 // end of the window
	latest  int64 // maximum time in rows of gauges; see limitTimes
}

// message merges the rows of a message. It returns false if the message is damaged. Rows before the
// damage are merged nevertheless.
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

// limitTimes limits the times in the row of a gauge to the time in the field latest. Without this
// limit, a value with a time far in the future would replace all later values.
func (m *merging) limitTimes(r *aggregate.Row) {
	if r.Kind != metric.Gauge {
		return
	}
	r.Set.At = min(r.Set.At, m.latest)
	for i := range r.Adjustments {
		r.Adjustments[i].At = min(r.Adjustments[i].At, m.latest)
	}
}

// record merges the rows of a committed record into the table.
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

// rows encodes merged rows as messages of package partial.
func (m *merging) rows(iv *aggregate.Interval, e *partial.Encoder, number uint64) (messages [][]byte) {
	rows := partial.NewRows(1)
	rows.Begin(m.end)
	iv.Rows(rows.Add)
	e.Encode(partial.Interval{Number: number, End: m.end}, rows, func(_ partial.Header, b []byte) {
		messages = append(messages, slices.Clone(b))
	})
	return messages
}
