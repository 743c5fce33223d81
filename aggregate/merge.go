package aggregate

import (
	"github.com/statsd-ops/statsd/metric"
)

// Merge adds a row to its name. It keeps nothing of the row. The shard must be locked.
//
// It returns why the row was not added: a limit, or BadValue for a row that no
// table can have made. RefusedMember means that the set has room for some
// of the members only. The times of a gauge are taken as they are: check rows from other machines
// for times in the future before.
func (s *Shard) Merge(row *Row) metric.Reason {
	if !row.valid(s.table.config.Tagged) {
		return metric.BadValue
	}
	if len(row.Name) > s.table.config.MaxNameLength {
		return metric.TooLong
	}
	r := s.names.find(row.Kind, row.Name)
	if r == 0 {
		var reason metric.Reason
		if r, reason = s.insert(row.Kind, row.Name); r == 0 {
			return reason
		}
	}
	return s.mergeInto(s.names.pages.at(r), row)
}

func (s *Shard) mergeInto(rec record, row *Row) metric.Reason {
	b, off := &s.blocks[s.flush&1], cell(row.Kind, s.flush)
	switch row.Kind {
	case metric.Counter:
		addCounter(rec, off, row.Value)
	case metric.Gauge:
		if row.Set.At != 0 {
			setGauge(b, rec, off, row.Set)
		}
		for _, a := range row.Adjustments {
			adjustGauge(b, rec, off, a)
		}
	case metric.Timer:
		addWeight(rec, off, row.Weight, row.Millis)
		for _, v := range row.Samples {
			addValue(b, rec, off, v)
		}
		if row.Sketch != nil {
			mergeSketch(b, rec, off, row.Sketch.restore())
		}
	case metric.Set:
		refused := false
		for _, hash := range row.Members {
			refused = !addMember(b, rec, off, setMember{hash, s.table.config.MaxSetMembers}) || refused
		}
		if refused {
			return metric.RefusedMember
		}
	}
	return metric.None
}

// mergeSketch adds what o stands for to a timer.
func mergeSketch(b *blocks, rec record, off int, o *sketch) {
	w := rec.word(off + 8)
	place := uint32(w)
	if s := sketchOf(b, rec, off); s != nil {
		s.merge(o)
	} else {
		place = b.putSketch(place, o)
	}
	rec.setWord(off+8, (w>>32+uint64(o.n))<<32|uint64(place))
}

// valid reports whether a table can have made the row.
func (r *Row) valid(tagged bool) bool {
	name := r.Name
	if tagged {
		name, _ = metric.CutTags(name)
	}
	if len(name) == 0 || !metric.IsClean(name) || !finite(r.Value, r.Weight, r.Set.Value) || !finite(r.Samples...) {
		return false
	}
	switch r.Kind {
	case metric.Counter:
		return true
	case metric.Gauge:
		for _, a := range r.Adjustments {
			if a.At <= 0 || !finite(a.Value) {
				return false
			}
		}
		return r.Set.At > 0 || r.Set.At == 0 && len(r.Adjustments) > 0
	case metric.Timer:
		return r.Weight >= 0 && (len(r.Samples) > 0 || r.Sketch != nil) && (r.Sketch == nil || r.Sketch.valid())
	case metric.Set:
		for _, hash := range r.Members {
			if hash == 0 {
				return false
			}
		}
		return len(r.Members) > 0
	default:
		return false
	}
}

func finite(values ...float64) bool {
	for _, v := range values {
		if v-v != 0 {
			return false
		}
	}
	return true
}
