package aggregate

import (
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// scratch is memory that successive calls of Summarize reuse.
type scratch struct {
	program *program            // compiled from the previous layout
	refs    [metric.Kinds][]ref // records of names with samples
	idle    [metric.Kinds][]ref // records of names that are published without samples
	carry   []ref
	names   [][]byte
	found   [][][metric.Kinds]ref // indexed by view and by name
	sources []source
	samples []float64
	timing  timing
	merged  *sketch // all samples of the timer that was just summarised, if they exceed the limit of stored samples
	members []uint64
	gauge   gaugeMerge

	row       Row
	collected metric.Collected
}

// source is a record of the name that is being summarised.
type source struct {
	view *view
	rec  record
}

// summary is the state of one call of Summarize.
type summary struct {
	*Interval
	*scratch
	sn   *Snapshot
	live int64 // number of names that have not expired

	files files
}

// Summarize makes the points of the interval. now is the time of the points, in Unix seconds.
// Summarize can be called only once.
func (iv *Interval) Summarize(layout Layout, now int64) *Snapshot {
	s := &summary{Interval: iv, scratch: &iv.table.scratch}
	if s.program == nil || !reflect.DeepEqual(s.program.Layout, layout) {
		s.program = compile(layout)
		s.timing = newTiming(len(s.program.thresholds))
	}
	s.sn = &Snapshot{Time: now, program: s.program, tagged: iv.table.config.Tagged, seconds: int64(layout.Interval / time.Second)}
	s.found = make([][][metric.Kinds]ref, len(iv.views))
	for i := range s.found {
		s.found[i] = make([][metric.Kinds]ref, batchSize)
	}
	for i := range iv.views {
		s.sn.pages = append(s.sn.pages, iv.views[i].pages)
	}
	for i := range iv.views {
		s.summarizeView(i)
	}
	for i := range iv.views {
		iv.views[i].release()
	}
	iv.table.known.Add(s.live - iv.known)
	iv.table.live = s.live
	return s.sn
}

func (s *summary) summarizeView(i int) {
	v := &s.views[i]
	expired, total := 0, 0
	v.walk(func(refs []ref) {
		s.carry = s.carry[:0]
		for k := range s.refs {
			s.refs[k], s.idle[k] = s.refs[k][:0], s.idle[k][:0]
		}
		for _, r := range refs {
			rec := v.pages.at(r)
			kind := kindOf(rec.meta())
			switch age, seen := v.flush-rec.lastSeen(), rec.seen(kind, v.flush); {
			case seen && s.omits(rec):
				rec.clear(kind, v.flush)
				rec.setLastSeen(v.flush)
			case seen:
				s.refs[kind] = append(s.refs[kind], r)
			case age >= s.table.expire(v.names, rec):
				expired++
				if age == s.table.expire(v.names, rec) {
					s.table.gone.Add(rec.name())
				}
				continue
			case age > 0 && s.program.idles(kind, age) && !s.omits(rec):
				s.idle[kind] = append(s.idle[kind], r)
			}
			s.carry = append(s.carry, r)
		}
		for kind := range s.refs {
			if len(s.refs[kind])+len(s.idle[kind]) > 0 {
				start := time.Now()
				s.summarizeKind(i, metric.Kind(kind))
				s.summarizeIdle(i, metric.Kind(kind))
				s.sn.Duration[kind] += time.Since(start)
			}
		}
		if v.retired {
			s.live -= int64(v.carry(s.carry, s.table.gone))
		}
		s.live += int64(len(s.carry))
		total += len(refs)
	})
	const worthIt = 1024
	full := s.table.known.Load() > int64(s.table.config.MaxNames)*9/10
	if expired > 0 && !v.retired && (full || expired > worthIt && expired > total/4) {
		v.shard.mutex.Lock()
		v.shard.retire = true
		v.shard.mutex.Unlock()
	}
}

// omits reports whether no points are made for a name.
func (s *summary) omits(rec record) bool { return s.Omit != nil && s.Omit(rec.name()) }

// summarizeKind adds a row for each name with a record in s.refs[kind], the records of view i. The row includes the
// values of the name's records in other views.
func (s *summary) summarizeKind(i int, kind metric.Kind) {
	v := &s.views[i]
	refs := s.refs[kind]
	s.lookup(i, refs)
	s.sn.Count[kind] += len(refs)
	for n, r := range refs {
		rec := v.pages.at(r)
		s.sources = append(s.sources[:0], source{v, rec})
		collides := false
		if rec.meta()&metaTwin != 0 {
			v.lookup([][]byte{rec.name()}, s.found[i][n:n+1])
			collides = s.collides(i, n, kind, true)
		}
		for j := range s.views {
			if j == i {
				continue
			}
			if other := s.found[j][n][kind]; s.views[j].holds(other) {
				s.sources = append(s.sources, source{&s.views[j], s.views[j].pages.at(other)})
			}
			collides = collides || s.collides(j, n, kind, false)
		}
		shape := int(kind)
		if kind == metric.Timer {
			shape = s.timerShape(rec)
		}
		if rec.meta()&metaUneven != 0 && s.sharesFile(shape, rec.name()) {
			collides = true
		}
		if collides || s.program.nestBegins[kind][rec.name()[0]] && s.nested(kind, rec.name()) {
			s.sn.collided(shape, rec.name())
		}
		if s.Record != nil {
			s.collect()
		}
		s.summarizeName(kind, shape, s.sn.add(i, shape, r))
		if s.Record != nil {
			s.show(kind)
		}
		for _, from := range s.sources {
			from.rec.clear(kind, v.flush)
			from.rec.setLastSeen(v.flush)
		}
	}
}

// lookup looks up the names of some records of view i in the other views.
func (s *summary) lookup(i int, refs []ref) {
	if len(s.views) == 1 {
		return
	}
	s.names = s.names[:0]
	for _, r := range refs {
		s.names = append(s.names, s.views[i].pages.at(r).name())
	}
	for j := range s.views {
		if j != i {
			s.views[j].lookup(s.names, s.found[j])
		}
	}
}

// summarizeName computes the values of the name whose records are s.sources.
func (s *summary) summarizeName(kind metric.Kind, shape int, values []float64) {
	flush := s.sources[0].view.flush
	off := cell(kind, flush)
	columns := s.program.shapes[shape]
	switch kind {
	case metric.Counter:
		sum := 0.0
		for _, from := range s.sources {
			sum = clamp(sum + math.Float64frombits(from.rec.word(off)))
		}
		fillCounter(columns, values, sum, s.program.seconds)
	case metric.Gauge:
		fill(values, s.summarizeGauge(off, flush))
	case metric.Set:
		fill(values, float64(s.countMembers(off)))
	case metric.Timer:
		if shape == loneShape {
			values[0] = math.Float64frombits(s.sources[0].rec.word(off))
			break
		}
		s.summarizeTimer(off, shape)
		s.sn.points -= s.timing.fill(columns, values, s.program.seconds)
	}
	s.measure(kind, off)
	if s.program.Rows {
		s.sn.addDetail(s.detail(kind, off))
	}
}

// summarizeTimer computes the values of a timer and stores them in s.timing.
func (s *summary) summarizeTimer(off, shape int) {
	s.samples = s.samples[:0]
	weight := 0.0
	var all *sketch
	for _, from := range s.sources {
		w, _ := timerWeight(from.rec, off)
		weight = clamp(weight + w)
		s.samples = appendSamples(s.samples, from.view.blocks, from.rec, off)
		switch sk := sketchOf(from.view.blocks, from.rec, off); {
		case sk == nil:
		case all == nil:
			all = sk
		default:
			all.merge(sk)
		}
	}
	s.timing.weight, s.merged = weight, all
	h := s.program.histogram(shape)
	if all == nil {
		s.timing.summarize(s.samples, s.program)
		if h != nil {
			s.timing.count(s.samples, h)
		}
		return
	}
	for _, v := range s.samples {
		all.add(v)
	}
	all.summarize(&s.timing, s.program)
	if h != nil {
		all.count(&s.timing, h)
	}
	s.sn.Sketched++
}

// summarizeGauge computes the value of a gauge from all its records, and stores the value for the
// next interval.
func (s *summary) summarizeGauge(off int, flush uint32) float64 {
	s.remember(flush)
	for _, from := range s.sources {
		s.gauge.add(from.view.blocks, from.rec, off)
	}
	value, setAt := s.gauge.result()
	s.sources[0].rec.setMemory(memory{
		value: value,
		after: flush,
		// If this time were in the future, a setting that arrives later would look older.
		setting: min(setAt, s.time),
	})
	return value
}

// countMembers counts the distinct members of a set.
func (s *summary) countMembers(off int) int {
	first := s.sources[0].rec
	if len(s.sources) == 1 {
		return int(first.word(off) >> 32)
	}
	s.members = s.members[:0]
	for _, from := range s.sources {
		s.members = appendMembers(s.members, from.view.blocks, from.rec, off)
	}
	slices.Sort(s.members)
	return len(slices.Compact(s.members))
}
