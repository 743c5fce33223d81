package aggregate

import (
	"iter"
	"math"

	"github.com/statsd-ops/statsd/metric"
)

// detail is what a row has in addition to its points: see Layout.Rows.
type detail struct {
	sum   float64
	timer *metric.Distribution
}

// addDetail adds the detail of the row that was added last. Every row needs one.
func (sn *Snapshot) addDetail(d detail) {
	last := len(sn.rows) - 1
	if len(sn.details) == last {
		sn.details = append(sn.details, make([]detail, 0, cap(sn.rows[last])))
	}
	sn.details[last] = append(sn.details[last], d)
}

// detail returns the detail of the name just summarised, whose records are s.sources.
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

// noSamples returns the distribution of an unseen name, nil if the name is not a timer.
func (s *summary) noSamples(kind metric.Kind) *metric.Distribution {
	if kind != metric.Timer || s.program.ExpBins == 0 {
		return nil
	}
	return &metric.Distribution{}
}

// RowCount returns the number of rows, including the daemon's own figures.
func (sn *Snapshot) RowCount() int {
	n := len(sn.Own)
	for _, rows := range sn.rows {
		n += len(rows)
	}
	return n
}

// Rows yields a row for each name with something to publish, and for each of the daemon's own points,
// in no particular order, but the same each time. A row is valid until the next one. It needs
// Layout.Rows.
func (sn *Snapshot) Rows() iter.Seq[*metric.Row] {
	return func(yield func(*metric.Row) bool) {
		r := &metric.Row{Time: sn.Time, Start: sn.Time - sn.seconds}
		for c, rows := range sn.rows {
			values := sn.values[c]
			for i, row := range rows {
				columns := sn.shapes[row.shape()]
				sn.fillRow(r, row, columns, values)
				r.Sum, r.Timer = sn.details[c][i].sum, sn.details[c][i].timer
				values = values[len(columns):]
				if !yield(r) {
					return
				}
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

// fillRow sets what r shares with the points of a row: kind, name, tags and statistics.
func (sn *Snapshot) fillRow(r *metric.Row, row row, columns []column, values []float64) {
	r.Kind = kindOfShape(row.shape())
	r.Name, r.Tags = sn.pages[row.view()].at(row.ref()).name(), nil
	if sn.tagged {
		r.Name, r.Tags = metric.CutTags(r.Name)
	}
	r.Stats = r.Stats[:0]
	for i := range columns {
		if v := values[i]; v == v {
			r.Stats = append(r.Stats, metric.Stat{Name: columns[i].name, Value: v})
		}
	}
}

// kindOfShape returns the kind of the names that have a shape.
func kindOfShape(shape int) metric.Kind {
	if shape >= histogramShapes {
		return metric.Timer
	}
	return metric.Kind(shape % int(metric.Kinds))
}
