package collect

import (
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// state is the state of a partition after a window: the values of gauges, and the known names.
type state struct {
	config  aggregate.Config
	decoder *partial.Decoder
	table   *aggregate.Table
	next    int64 // the next window to merge; 0 at first
}

func newState(config aggregate.Config, d *partial.Decoder) *state {
	return &state{config: config, decoder: d, table: aggregate.NewTable(config)}
}

// silent is a layout that makes no points.
var silent = aggregate.Layout{Naming: aggregate.Reference, Counters: []string{"rate"}}

// maxSkipped is the maximum number of windows without rows that are skipped one by one. To skip
// more windows, it is faster to build a new table (see recall).
const maxSkipped = 8

// skipTo advances the state to a window. There must be no rows in the skipped windows.
func (s *state) skipTo(window int64) {
	skipped := window - s.next
	switch {
	case s.next == 0 || skipped <= 0:
	case skipped <= maxSkipped:
		for range skipped {
			s.table.Drain(nil).Summarize(silent, 0)
		}
	default:
		known := s.known()
		for i := range known {
			known[i].Unseen = uint32(min(int64(known[i].Unseen)+skipped, 1<<31))
		}
		s.recall(known)
	}
	s.next = window
}

// known returns all known names.
func (s *state) known() []aggregate.Known {
	return slices.AppendSeq(make([]aggregate.Known, 0, s.table.Names()), s.table.Known())
}

// recall replaces the table by a new table with the given names.
func (s *state) recall(known []aggregate.Known) {
	s.table = aggregate.NewTable(s.config)
	for i := range known {
		if k := &known[i]; k.Unseen < s.config.Expire[k.Kind] {
			s.table.Recall(*k)
		}
	}
}

// limit sets the limits of the table.
func (s *state) limit(config aggregate.Config) {
	if config != s.config {
		s.config = config
		s.table.SetLimits(config)
	}
}

// take merges the rows of a record, and returns them as an interval that can be summarised.
func (s *state) take(r *record, end int64) (*aggregate.Interval, error) {
	err := s.merge(r, func(row *aggregate.Row) *aggregate.Row { return row })
	return s.drain(r.window, end), err
}

// drain returns the rows that were merged since its last call, as the interval of a window.
func (s *state) drain(window, end int64) *aggregate.Interval {
	s.next = window + 1
	iv := s.table.Drain(nil)
	iv.SetTime(end)
	return iv
}

// pass merges the rows of a record without making points.
func (s *state) pass(r *record, end int64) error {
	err := s.merge(r, touch)
	s.drain(r.window, end).Summarize(silent, 0)
	return err
}

func (s *state) merge(r *record, change func(*aggregate.Row) *aggregate.Row) error {
	s.skipTo(r.window)
	shard := s.table.Shard(0)
	shard.Lock()
	defer shard.Unlock()
	for _, m := range r.rows {
		_, body, err := partial.Open(m)
		if err != nil {
			return err
		}
		if err := s.decoder.Rows(&body, func(row *aggregate.Row) { shard.Merge(change(row)) }); err != nil {
			return err
		}
	}
	return nil
}

// touch removes from a row the data that does not affect the state. The state needs only names, and the values of
// gauges.
func touch(r *aggregate.Row) *aggregate.Row {
	if r.Kind == metric.Timer && len(r.Samples) > 0 {
		r.Samples, r.Sketch = r.Samples[:1], nil
	}
	r.Members = r.Members[:min(len(r.Members), 1)]
	return r
}
