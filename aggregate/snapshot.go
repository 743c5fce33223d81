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
	shapes  [][]column
	pages   []pages // pages of each view
	rows    [][]row
	values  [][]float64 // of each chunk of rows; NaN means no point
	details [][]detail  // of each chunk of rows, if Layout.Rows is set
	seconds int64       // of the interval
	largest [metric.Kinds]struct {
		rec  record
		size int
	}
}

// row is a name: the index of its view (16 bits), its shape (16 bits), and its record's place.
type row uint64

func newRow(view, shape int, r ref) row { return row(view)<<48 | row(shape)<<32 | row(r) }

func (r row) view() int  { return int(r >> 48) }
func (r row) shape() int { return int(uint16(r >> 32)) }
func (r row) ref() ref   { return ref(r) }

const chunkRows = 8 << 10

// add starts a row and returns its values, to be filled in.
func (sn *Snapshot) add(r row) []float64 {
	last := len(sn.rows) - 1
	if last < 0 || len(sn.rows[last]) == chunkRows {
		// The first chunk grows; later ones are about as large.
		room := 0
		if last >= 0 {
			room = len(sn.values[last])
		}
		sn.rows = append(sn.rows, make([]row, 0, min(room, chunkRows)))
		sn.values = append(sn.values, make([]float64, 0, room))
		last++
	}
	n := len(sn.shapes[r.shape()])
	sn.rows[last] = append(sn.rows[last], r)
	at := len(sn.values[last])
	for range n {
		sn.values[last] = append(sn.values[last], 0)
	}
	sn.points += n
	return sn.values[last][at:]
}

// maxCollided is the maximum length of Collided.
const maxCollided = 20

func (sn *Snapshot) collided(shape int, name []byte) {
	sn.Collisions++
	if len(sn.Collided) < maxCollided {
		name, tags := metric.CutTags(name)
		c := sn.shapes[shape][0]
		sn.Collided = append(sn.Collided, stored(c.prefix+string(name)+c.suffix+string(tags)))
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
		for c, rows := range sn.rows {
			values := sn.values[c]
			for _, row := range rows {
				name := sn.pages[row.view()].at(row.ref()).name()
				var tags []byte
				if sn.tagged {
					name, tags = metric.CutTags(name)
				}
				columns := sn.shapes[row.shape()]
				n := 0
				for i := range columns {
					c := &columns[i]
					if c.newPrefix {
						path = append(append(path[:0], c.prefix...), name...)
						n = len(path)
					}
					if values[i] != values[i] {
						continue
					}
					path = append(append(path[:n], c.suffix...), tags...)
					if !yield(metric.Point{Path: path, Value: values[i], Time: sn.Time}) {
						return
					}
				}
				values = values[len(columns):]
			}
		}
		for _, p := range sn.Own {
			if !yield(p) {
				return
			}
		}
	}
}
