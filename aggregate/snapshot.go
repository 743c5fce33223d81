package aggregate

import (
	"iter"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Snapshot is the content of one flush, to be published. It does not change, so it is safe for
// concurrent use.
type Snapshot struct {
	// Time is the end of the flush interval, in Unix seconds.
	Time int64
	// Count is the number of names of each kind.
	Count [metric.Kinds]int
	// Duration is the time that summarising each kind took.
	Duration [metric.Kinds]time.Duration
	// Collisions is the number of names that share a path with a name of another kind, or share a file
	// in Graphite with another name. Collided contains the paths of the first such names.
	Collisions int
	Collided   []string
	// Sketched is the number of timers whose percentiles are estimates.
	Sketched int
	// Own are the points of the daemon's own metrics. They come after all other points.
	Own []metric.Point

	points  int
	tagged  bool // Config.Tagged of the table
	program *program
	pages   []pages // the pages of each view
	chunks  []chunk
	seconds int64 // length of the flush interval in seconds
	largest [metric.Kinds]struct {
		rec  record
		size int
	}
}

// chunk holds a few thousand rows. A row is a name with its values. A run is a sequence of rows
// with the same view and the same shape.
type chunk struct {
	runs    []run
	refs    []ref     // refs of the records, one for each row
	values  []float64 // values of all rows; NaN means that there is no point
	details []detail  // one for each row, if Layout.Rows is set
}

type run struct {
	view, shape uint16
	rows        uint32
}

const chunkRows = 8 << 10

// add starts a row. It returns a slice for the values of the row, which the caller fills in. A row
// has one value for each column of its shape. A row of loneShape has only one value, the sample.
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

// begin begins a chunk. The first chunk grows as needed. Each later chunk is allocated with about
// the size of the previous one.
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

// row is one row of a snapshot. The method all yields the rows.
type row struct {
	shape   int
	columns []column
	name    []byte    // name with its tags
	values  []float64 // one value for each column
	detail  detail
}

// all yields the rows. A row is valid until the next row.
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

// maxCollided limits the paths in Snapshot.Collided.
const maxCollided = 20

func (sn *Snapshot) collided(shape int, name []byte) {
	sn.Collisions++
	if len(sn.Collided) < maxCollided {
		name, tags := metric.CutTags(name)
		c := sn.program.shapes[shape][0]
		sn.Collided = append(sn.Collided, stored(c.prefix+string(name)+c.suffix+string(tags)))
	}
}

// measure stores the summarised name as the largest name of its kind if the name has more members or
// samples in one shard than the largest name so far.
func (s *summary) measure(kind metric.Kind, off int) {
	at := off // index of the word that contains the number of members or samples
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

// Largest returns the set with the most members in one shard, or the timer with the most samples in
// one shard, and the number of its members or samples. The number is 0 if there is no such name.
func (sn *Snapshot) Largest(kind metric.Kind) (name string, size int) {
	l := sn.largest[kind]
	if l.size == 0 {
		return "", 0
	}
	return string(l.rec.name()), l.size
}

// Len returns the number of points, including the points of the daemon's own metrics.
func (sn *Snapshot) Len() int { return sn.points + len(sn.Own) }

// Points yields all points. The order is not specified, but it is the same at each call. The path
// of a point is valid until the next point.
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
