package aggregate

import (
	"iter"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Snapshot is the content of one flush, to be published. It does not change: any number of goroutines may read it, at
// any time.
type Snapshot struct {
	// Time is the end of the flush interval, in Unix seconds.
	Time int64
	// Count is the number of names of each kind.
	Count [metric.Kinds]int
	// Duration is the time that each kind took.
	Duration [metric.Kinds]time.Duration
	// Collisions is the number of names that share a path with another kind's name, or a
	// file in Graphite with another name. Collided has the paths of the first such names.
	Collisions int
	Collided   []string
	// Sketched is the number of timers whose percentiles are estimates.
	Sketched int
	// Own are the daemon's own points. They come last.
	Own []metric.Point

	points  int
	tagged  bool // see Config.Tagged
	program *program
	pages   []pages // of each view
	chunks  []chunk
	seconds int64 // of the interval
	largest [metric.Kinds]struct {
		rec  record
		size int
	}
}

// chunk is some thousand rows: a row is a name with its values. Rows that follow each other and have
// the same view and shape are a run.
type chunk struct {
	runs    []run
	refs    []ref     // the records, by row
	values  []float64 // of all rows; NaN means no point
	details []detail  // by row, if Layout.Rows is set
}

type run struct {
	view, shape uint16
	rows        uint32
}

const chunkRows = 8 << 10

// add starts a row and returns its values, to be filled in: one for each column of the shape, but
// of loneShape only the sample.
func (sn *Snapshot) add(view, shape int, r ref) []float64 {
	last := len(sn.chunks) - 1
	if last < 0 || len(sn.chunks[last].refs) == chunkRows {
		sn.begin()
		last++
	}
	c := &sn.chunks[last]
	if n := len(c.runs) - 1; n >= 0 && int(c.runs[n].view) == view && int(c.runs[n].shape) == shape {
		c.runs[n].rows++
	} else {
		c.runs = append(c.runs, run{uint16(view), uint16(shape), 1})
	}
	c.refs = append(c.refs, r)
	at := len(c.values)
	for range sn.program.width(shape) {
		c.values = append(c.values, 0)
	}
	sn.points += len(sn.program.shapes[shape])
	return c.values[at:]
}

// begin begins a chunk. The first one grows; the others are about as large as the one before.
func (sn *Snapshot) begin() {
	var next chunk
	if n := len(sn.chunks); n > 0 {
		before := &sn.chunks[n-1]
		next.runs = make([]run, 0, len(before.runs)+len(before.runs)/16)
		next.refs = make([]ref, 0, chunkRows)
		next.values = make([]float64, 0, len(before.values)+len(before.values)/16)
	}
	sn.chunks = append(sn.chunks, next)
}

// row is a row as it is read.
type row struct {
	shape   int
	columns []column
	name    []byte    // with its tags
	values  []float64 // one for each column
	detail  detail
}

// all yields the rows. A row is valid until the next one.
func (sn *Snapshot) all() iter.Seq[*row] {
	return func(yield func(*row) bool) {
		if len(sn.chunks) == 0 {
			return
		}
		var r row
		lone := newTiming(len(sn.program.thresholds))
		filled := make([]float64, len(sn.program.shapes[loneShape]))
		for i := range sn.chunks {
			c := &sn.chunks[i]
			at, values := 0, c.values
			for _, run := range c.runs {
				r.shape, r.columns = int(run.shape), sn.program.shapes[run.shape]
				width := sn.program.width(r.shape)
				for range run.rows {
					r.name, r.values, values = sn.pages[run.view].at(c.refs[at]).name(), values[:width], values[width:]
					if r.shape == loneShape {
						lone.lone(r.values[0])
						lone.fill(r.columns, filled, sn.program.seconds)
						r.values = filled
					}
					if c.details != nil {
						r.detail = c.details[at]
					}
					if !yield(&r) {
						return
					}
					at++
				}
			}
		}
	}
}

// maxCollided is the maximum length of Collided.
const maxCollided = 20

func (sn *Snapshot) collided(shape int, name []byte) {
	sn.Collisions++
	if len(sn.Collided) < maxCollided {
		name, tags := metric.CutTags(name)
		c := sn.program.shapes[shape][0]
		sn.Collided = append(sn.Collided, stored(c.prefix+string(name)+c.suffix+string(tags)))
	}
}

// measure remembers the name with the largest cell in one shard.
func (s *summary) measure(kind metric.Kind, off int) {
	at := off // index of the word with the number of members
	switch kind {
	case metric.Set:
	case metric.Timer:
		at += 8
	default:
		return
	}
	largest := &s.sn.largest[kind]
	for _, from := range s.sources {
		if n := int(from.rec.word(at) >> 32); n > largest.size {
			largest.size, largest.rec = n, from.rec
		}
	}
}

// Largest returns the set with the most members in one shard, or the timer with the most samples in one shard, and that
// number. It returns 0 if there is none.
func (sn *Snapshot) Largest(kind metric.Kind) (name string, size int) {
	l := sn.largest[kind]
	if l.size == 0 {
		return "", 0
	}
	return string(l.rec.name()), l.size
}

// Len returns the number of points, including the daemon's own.
func (sn *Snapshot) Len() int { return sn.points + len(sn.Own) }

// Points yields all points, in no particular order, but the same each time. A point's
// path is valid until the next one.
func (sn *Snapshot) Points() iter.Seq[metric.Point] {
	return func(yield func(metric.Point) bool) {
		var path []byte
		for r := range sn.all() {
			name, tags := r.name, []byte(nil)
			if sn.tagged {
				name, tags = metric.CutTags(name)
			}
			n := 0
			for i := range r.columns {
				c := &r.columns[i]
				if c.newPrefix {
					path = append(append(path[:0], c.prefix...), name...)
					n = len(path)
				}
				if r.values[i] != r.values[i] {
					continue
				}
				path = append(append(path[:n], c.suffix...), tags...)
				if !yield(metric.Point{Path: path, Value: r.values[i], Time: sn.Time}) {
					return
				}
			}
		}
		for _, p := range sn.Own {
			if !yield(p) {
				return
			}
		}
	}
}
