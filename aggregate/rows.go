package aggregate

import (
	"iter"
	"math"

	"github.com/statsd-ops/statsd/metric"
)

// detail is what a row has in addition to the values of its points; see Layout.Rows.
type detail struct {
	sum   float64
	timer *metric.Distribution
}

// addDetail adds the detail of the last added row. It must be called once for each row.
func (sn *Snapshot) addDetail(d detail) {
	c := &sn.chunks[len(sn.chunks)-1]
	if c.details == nil {
		c.details = make([]detail, 0, cap(c.refs))
	}
	c.details = append(c.details, d)
}

// detail returns the detail of the name that was just summarised. The name's records are s.sources.
func (s *summary) detail(kind metric.Kind, off int) (d detail) {
	switch {
	case kind == metric.Counter:
		for _, from := range s.sources {
			d.sum = clamp(d.sum + math.Float64frombits(from.rec.word(off)))
		}
	case kind == metric.Timer && s.program.ExpBins > 0:
		d.timer = s.distribution(off)
	}
	return d
}

// noSamples returns the distribution of a name without samples. It returns nil if the name is not a
// timer.
func (s *summary) noSamples(kind metric.Kind) *metric.Distribution {
	if kind != metric.Timer || s.program.ExpBins == 0 {
		return nil
	}
	return &metric.Distribution{}
}

// RowCount returns the number of rows, including the daemon's own metrics.
func (sn *Snapshot) RowCount() int {
	n := len(sn.Own)
	for i := range sn.chunks {
		n += len(sn.chunks[i].refs)
	}
	return n
}

// Rows yields one row for each name that is published, and for each of the daemon's own points. The order is not
// specified, but it is the same at each call. A row is valid only until Rows yields the next row. Layout.Rows must have
// been true when the snapshot was made.
func (sn *Snapshot) Rows() iter.Seq[*metric.Row] {
	return func(yield func(*metric.Row) bool) {
		r := &metric.Row{Time: sn.Time, Start: sn.Time - sn.seconds}
		for from := range sn.all() {
			sn.fillRow(r, from)
			if !yield(r) {
				return
			}
		}
		for _, p := range sn.Own {
			*r = metric.Row{
				Kind: metric.Gauge, Own: true, Name: p.Path, Start: r.Start, Time: r.Time,
				Stats: append(r.Stats[:0], metric.Stat{Name: "value", Value: p.Value}),
			}
			if !yield(r) {
				return
			}
		}
	}
}

// fillRow fills r with the content of a row of the snapshot.
func (sn *Snapshot) fillRow(r *metric.Row, from *row) {
	r.Kind = kindOfShape(from.shape)
	r.Name, r.Tags = from.name, nil
	if sn.tagged {
		r.Name, r.Tags = metric.CutTags(r.Name)
	}
	r.Sum, r.Timer = from.detail.sum, from.detail.timer
	r.Stats = r.Stats[:0]
	for i, v := range from.values {
		if v == v {
			r.Stats = append(r.Stats, metric.Stat{Name: from.columns[i].name, Value: v})
		}
	}
}

// kindOfShape returns the kind of the names with the given shape.
func kindOfShape(shape int) metric.Kind {
	if shape >= loneShape {
		return metric.Timer
	}
	return metric.Kind(shape % int(metric.Kinds))
}
