package aggregate

import (
	"math"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// Row holds everything that a name has collected in an interval. If rows of several tables are
// merged into one table, the points are the same as if all samples had been added to that table.
// This is true for every division of the samples among the tables, and for every order of merging.
// All tables must have the same Config.
//
// Sums of counters and weights are exact for whole numbers up to 2^53. Other sums are rounded to float64, so their last
// digits can differ. If a timer has more samples than Config.MaxTimerSamples, its percentiles have an error of at most
// 1 %, the same as without merging.
type Row struct {
	Kind metric.Kind
	// Name is the clean name. With Config.Tagged it includes the tags, which begin at the first
	// semicolon.
	Name []byte

	// Value is the sum of a counter.
	Value float64

	// Set is the last change that set a gauge to a value. Its At is 0 if no sample set the gauge.
	Set GaugeChange
	// Adjustments are the adjustments of a gauge after Set, in no particular order.
	Adjustments []GaugeChange

	// Samples are the samples of a timer, in no particular order. If a timer has too many samples,
	// Sketch represents the samples beyond the limit. Otherwise Sketch is nil.
	Samples []float64
	Sketch  *Sketch
	// Weight is the number of events that the samples of a timer represent. Each sample represents
	// 1/(its sample rate) events.
	Weight float64
	// Millis says that at least one sample of a timer was sent in milliseconds.
	Millis bool

	// Members are the hashes of the distinct members of a set, computed with the key Config.MemberKey.
	Members []uint64
}

// GaugeChange sets or adjusts a gauge.
type GaugeChange struct {
	At    int64 // time of the change in Unix nanoseconds; greater than 0
	Value float64
}

// Rows calls visit once for each name with samples in the interval, in no particular order. A row
// is valid only until visit returns, but its Name stays valid. Rows can be called several times
// before Summarize, and not after it.
func (iv *Interval) Rows(visit func(*Row)) {
	r := rowReader{Interval: iv, found: make([][][metric.Kinds]ref, len(iv.views))}
	for i := range r.found {
		r.found[i] = make([][metric.Kinds]ref, batchSize)
	}
	for i := range iv.views {
		v := &iv.views[i]
		v.walk(func(refs []ref) {
			r.readBatch(i, refs, visit)
		})
	}
}

// rowReader reads the rows of an interval for Rows.
type rowReader struct {
	*Interval
	refs    []ref
	names   [][]byte
	found   [][][metric.Kinds]ref // refs of the records, indexed by view and by name
	sources []source
	row     Row // the row passed to visit; its slices are reused for each row
}

// readBatch reads the rows of one batch of records in view i. It omits the names that an earlier
// view contains.
func (r *rowReader) readBatch(i int, refs []ref, visit func(*Row)) {
	v := &r.views[i]
	r.refs, r.names = r.refs[:0], r.names[:0]
	for _, at := range refs {
		if rec := v.pages.at(at); rec.seen(kindOf(rec.meta()), v.flush) {
			r.refs, r.names = append(r.refs, at), append(r.names, rec.name())
		}
	}
	for j := range r.views {
		if j != i {
			r.views[j].lookup(r.names, r.found[j])
		}
	}
	for n, at := range r.refs {
		if r.findSources(i, n, v.pages.at(at)) {
			r.row.read(r.sources)
			visit(&r.row)
		}
	}
}

// findSources finds the records of the n-th name in the batch. rec is the name's record in view i.
// findSources returns false if a view before view i has samples of the name.
func (r *rowReader) findSources(i, n int, rec record) bool {
	r.sources = append(r.sources[:0], source{&r.views[i], rec})
	kind := kindOf(rec.meta())
	for j := range r.views {
		v := &r.views[j]
		if j == i || !v.holds(r.found[j][n][kind]) {
			continue
		}
		if other := v.pages.at(r.found[j][n][kind]); other.seen(kind, v.flush) {
			if j < i {
				return false
			}
			r.sources = append(r.sources, source{v, other})
		}
	}
	return true
}

// read fills r with the row of a name. The parameter sources contains the name's records. read
// reuses r's slices. It does not change the records. Only Summarize, which is called later,
// reorders samples and merges sketches.
func (r *Row) read(sources []source) {
	first := sources[0]
	*r = Row{
		Kind: kindOf(first.rec.meta()), Name: first.rec.name(),
		Adjustments: r.Adjustments[:0], Samples: r.Samples[:0], Members: r.Members[:0],
	}
	off := cell(r.Kind, first.view.flush)
	for _, from := range sources {
		switch rec, b := from.rec, from.view.blocks; r.Kind {
		case metric.Counter:
			r.Value = clamp(r.Value + math.Float64frombits(rec.word(off)))
		case metric.Gauge:
			r.Set = newest(r.Set, rec, off)
			r.Adjustments = appendAdjustments(r.Adjustments, b, rec, off)
		case metric.Timer:
			r.readTimer(b, rec, off)
		case metric.Set:
			r.Members = appendMembers(r.Members, b, rec, off)
		}
	}
	r.Adjustments = slices.DeleteFunc(r.Adjustments, func(a GaugeChange) bool { return a.At < r.Set.At })
	if len(sources) > 1 {
		slices.Sort(r.Members)
		r.Members = slices.Compact(r.Members)
	}
}

func (r *Row) readTimer(b *blocks, rec record, off int) {
	weight, millis := timerWeight(rec, off)
	r.Weight, r.Millis = clamp(r.Weight+weight), r.Millis || millis
	r.Samples = appendSamples(r.Samples, b, rec, off)
	switch s := sketchOf(b, rec, off); {
	case s == nil:
	case r.Sketch == nil:
		r.Sketch = s.export()
	default:
		all := r.Sketch.restore()
		all.merge(s)
		r.Sketch = all.export()
	}
}
