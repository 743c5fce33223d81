package aggregate

import (
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Layout says how a Snapshot's points are named, and what is worked out.
type Layout struct {
	// Prefix stands in front of each name of a kind, with a dot between them
	// unless it is empty.
	Prefix [metric.Kinds]string
	// Percentiles are thresholds for timers, 0 < p <= 100.
	Percentiles []float64
	// Interval is the configured flush interval, by which counters are divided.
	Interval time.Duration
}

// Snapshot is what one flush publishes. It is immutable: any number of
// goroutines may read it, for as long as they like.
type Snapshot struct {
	// Time is the end of the flush interval, in Unix seconds.
	Time int64
	// Count is the number of names of each kind.
	Count [metric.Kinds]int
	// Duration is the time it took to summarise each kind.
	Duration [metric.Kinds]time.Duration
	// Collisions is the number of points whose path a point of another kind has
	// already; Collided names the first of them, at most 20.
	Collisions int
	Collided   []string
	// Sketched is the number of timers whose percentiles are estimates.
	Sketched int
	// Own are the daemon's own points. They come last.
	Own []metric.Point

	points   int
	prefix   [metric.Kinds]string
	suffixes [metric.Kinds][]string
	pages    []pages // of each view
	rows     [][]row
	values   [][]float64 // of each chunk of rows
	largest  [metric.Kinds]struct {
		rec  record
		size int
	}
}

// row is a name: the number of its view and the place of its record.
type row uint64

const chunkRows = 8 << 10

func (l Layout) newSnapshot(now int64) *Snapshot {
	sn := &Snapshot{Time: now}
	for kind, prefix := range l.Prefix {
		if prefix != "" {
			sn.prefix[kind] = strings.TrimSuffix(prefix, ".") + "."
		}
		sn.suffixes[kind] = []string{""}
	}
	timer := []string{".lower", ".upper", ".mean", ".count"}
	for _, p := range l.Percentiles {
		timer = append(timer, ".upper_"+strings.ReplaceAll(strconv.FormatFloat(p, 'f', -1, 64), ".", "_"))
	}
	sn.suffixes[metric.Timer] = timer
	return sn
}

// add begins a row, and returns its values to be filled in.
func (sn *Snapshot) add(view int, r ref, kind metric.Kind) []float64 {
	last := len(sn.rows) - 1
	if last < 0 || len(sn.rows[last]) == chunkRows {
		// The first chunk grows; those behind it are about as large.
		room := 0
		if last >= 0 {
			room = len(sn.values[last])
		}
		sn.rows = append(sn.rows, make([]row, 0, min(room, chunkRows)))
		sn.values = append(sn.values, make([]float64, 0, room))
		last++
	}
	n := len(sn.suffixes[kind])
	sn.rows[last] = append(sn.rows[last], row(view)<<32|row(r))
	at := len(sn.values[last])
	for range n {
		sn.values[last] = append(sn.values[last], 0)
	}
	sn.Count[kind]++
	sn.points += n
	return sn.values[last][at:]
}

func (sn *Snapshot) collided(kind metric.Kind, name []byte) {
	const most = 20
	sn.Collisions++
	if len(sn.Collided) < most {
		sn.Collided = append(sn.Collided, sn.prefix[kind]+string(name))
	}
}

// Largest returns the name with the most members (of sets) or samples (of
// timers) in one shard, and how many these are: 0 if there is none.
func (sn *Snapshot) Largest(kind metric.Kind) (name string, size int) {
	l := sn.largest[kind]
	if l.size == 0 {
		return "", 0
	}
	return string(l.rec.name()), l.size
}

// Len returns the number of points, the daemon's own included.
func (sn *Snapshot) Len() int { return sn.points + len(sn.Own) }

// Points yields all points, in no particular order but the same each time. A
// point's path is borrowed until the next one.
func (sn *Snapshot) Points() iter.Seq[metric.Point] {
	return func(yield func(metric.Point) bool) {
		var path []byte
		for c, rows := range sn.rows {
			values := sn.values[c]
			for _, row := range rows {
				rec := sn.pages[row>>32].at(ref(row))
				kind := kindOf(rec.meta())
				path = append(append(path[:0], sn.prefix[kind]...), rec.name()...)
				n := len(path)
				for i, suffix := range sn.suffixes[kind] {
					path = append(path[:n], suffix...)
					if !yield(metric.Point{Path: path, Value: values[i], Time: sn.Time}) {
						return
					}
				}
				values = values[len(sn.suffixes[kind]):]
			}
		}
		for _, p := range sn.Own {
			if !yield(p) {
				return
			}
		}
	}
}
