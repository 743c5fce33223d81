package aggregate

import (
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// Merge adds the values of a row to the row's name. The caller may reuse the row afterwards. The shard must be
// locked.
//
// Merge returns metric.None, or the reason why the row was not added: a limit, or BadValue if no
// table can have made the row. RefusedMember means that only some of the members of a set were
// added. Merge does not check the times of a gauge: a time in the future has precedence until the
// next flush. So the caller must check the times in rows from other machines.
func (s *Shard) Merge(row *Row) metric.Reason {
	if !row.valid() {
		return metric.BadValue
	}
	p := s.names.search(row.Name)
	r := s.names.found(&p, row.Kind, row.Name)
	if r == 0 {
		reason := row.checkName(&s.table.config)
		if reason != metric.None {
			return reason
		}
		if r, reason = s.insert(&p, &newName{kind: row.Kind, name: row.Name, flags: s.hidden(row.Kind, row.Name)}); r == 0 {
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
		mergeTimer(b, rec, off, row)
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

func mergeTimer(b *blocks, rec record, off int, row *Row) {
	b.moveSingle(rec, off)
	rec.setWord(off, addWeight(rec.word(off), row.Weight, row.Millis))
	var sample metric.Sample // the weight stays 0, because row.Weight is already added
	for _, sample.Value = range row.Samples {
		addTimer(b, rec, off, &sample)
	}
	if row.Sketch != nil {
		mergeSketch(b, rec, off, row.Sketch.restore())
	}
}

// mergeSketch adds the samples of the sketch o to a timer.
func mergeSketch(b *blocks, rec record, off int, o *sketch) {
	w, n := rec.word(off+8), uint64(o.n)
	if s := sketchOf(b, rec, off); s != nil {
		s.merge(o)
	} else {
		w = b.putSketch(w, o)
	}
	rec.setWord(off+8, w+n<<32)
}

// checkName returns the reason why a table cannot contain the row's name, or metric.None.
func (r *Row) checkName(config *Config) metric.Reason {
	switch {
	case !config.form().Keeps(r.Name):
		return metric.BadValue
	case len(r.Name) > config.MaxNameLength:
		return metric.TooLong
	}
	return metric.None
}

// valid reports whether the row's values are possible. It returns false if no table can have made them.
func (r *Row) valid() bool {
	if !finite(r.Value, r.Weight, r.Set.Value) || !finite(r.Samples...) {
		return false
	}
	switch r.Kind {
	case metric.Counter:
		return true
	case metric.Gauge:
		bad := func(c GaugeChange) bool { return c.At <= 0 || !finite(c.Value) }
		return (r.Set.At > 0 || r.Set.At == 0 && len(r.Adjustments) > 0) && !slices.ContainsFunc(r.Adjustments, bad)
	case metric.Timer:
		return r.Weight >= 0 && (len(r.Samples) > 0 || r.Sketch != nil) && (r.Sketch == nil || r.Sketch.valid())
	case metric.Set:
		return len(r.Members) > 0 && !slices.Contains(r.Members, 0)
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
