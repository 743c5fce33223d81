package history

import (
	"math"
	"time"
)

// Query selects figures or paths, and a period.
type Query struct {
	Names []string
	// Since is the start of the period. Its end is the last flush.
	Since time.Time
	// Points is the maximum number of values in a line. There can be fewer values, because a step is
	// at least a flush interval. A step is at least a minute if there are only values for minutes.
	Points int
	// Step is the minimum length of a step; 0 for none. Two Series have values at the same times if their Queries have
	// the same Since, Points and Step, and if no flush came between the Queries.
	Step time.Duration
}

// since returns the start of the period in Unix nanoseconds. The start is not later than the last
// flush, and at most two weeks before the last flush.
func (q *Query) since(last int64) int64 {
	since := time.Unix(0, last).Add(-2 * week)
	if q.Since.After(since) {
		since = q.Since
	}
	return min(since.UnixNano(), last)
}

// Series returns the figures that a Query selects, with a line for each name in the same order.
func (f *Figures) Series(q Query) Series {
	flushes, minutes := f.blocks()
	last, unit := q.Since.UnixNano(), f.flushes.step
	if len(flushes) > 0 {
		last = flushes[len(flushes)-1].last
		// Use minutes only for the time before the first kept flush.
		minutes = before(minutes, flushes[0].first)
	}
	since := q.since(last)
	if len(minutes) > 0 && since < flushes[0].first-unit {
		unit = f.minutes.step
	}
	g := newGrid(since, last, unit, q)
	r := reader{from: g.start, lines: make([]*gridLine, len(q.Names))}
	for i, name := range q.Names {
		r.lines[i] = g.line(name)
	}
	if unit == f.minutes.step && len(minutes) > 0 {
		r.until = flushes[0].first
		r.read(minutes)
	}
	r.until = math.MaxInt64
	r.read(flushes)
	s := g.series(r.lines)
	s.Held, s.Missing = r.held, r.missing
	return s
}

// before returns the blocks that begin before the given time.
func before(blocks []block, at int64) []block {
	n := len(blocks)
	for n > 0 && blocks[n-1].first >= at {
		n--
	}
	return blocks[:n]
}

// reader reads blocks into the lines of a grid.
type reader struct {
	from, until int64 // in Unix nanoseconds; reading ends at the first cut that is not before until
	lines       []*gridLine
	tally
	values []float64
	most   []int // for each line, the index of its column in the current block, or -1
	below  []int
}

func (r *reader) read(blocks []block) {
	for i := range blocks {
		// The last cut before the period is needed too: the first increase of a count in the period is computed from
		// it.
		if i+1 < len(blocks) && blocks[i+1].first <= r.from {
			continue
		}
		if !r.block(&blocks[i]) {
			return
		}
	}
}

// block reads a block. It returns false at the end of the period.
func (r *reader) block(b *block) bool {
	r.most, r.below = r.most[:0], r.below[:0]
	for _, l := range r.lines {
		r.most = append(r.most, b.column(l.Name))
		r.below = append(r.below, b.schema.find(l.Name+below))
	}
	c := b.start(r.values)
	r.values = c.values
	for c.next() {
		if c.at >= r.until {
			return false
		}
		if c.at > r.from {
			r.tally.add(c.at, b.step)
		}
		for i, l := range r.lines {
			if at := r.most[i]; at >= 0 && c.values[at] == c.values[at] {
				v := cut{at: c.at, width: b.step, mean: c.values[at], most: c.values[at], count: b.schema.columns[at].count}
				if r.below[i] >= 0 {
					v.mean -= c.values[r.below[i]]
				}
				v.least = v.mean
				l.add(v)
			}
		}
	}
	return true
}

// Growth returns the growth of a figure in the last period. The parameter over is the length of the period. Growth also
// returns the real length of the period, which is shorter if the daemon or the figure is younger. If the figure is
// unknown, it returns 0 and 0. If the figure has fallen, the growth is negative.
func (f *Figures) Growth(name string, over time.Duration) (grew float64, known time.Duration) {
	flushes, _ := f.blocks()
	if len(flushes) == 0 {
		return 0, 0
	}
	from := flushes[len(flushes)-1].last - int64(over)
	var first, last float64
	var firstAt, lastAt int64
	found := false
	var values []float64
	for i := range flushes {
		b := &flushes[i]
		at := b.column(name)
		if i+1 < len(flushes) && flushes[i+1].first <= from || at < 0 {
			continue
		}
		c := b.start(values)
		for values = c.values; c.next(); {
			v := c.values[at]
			if v != v {
				continue
			}
			if !found || c.at <= from || b.schema.columns[at].count && v < last {
				first, firstAt, found = v, c.at, true
			}
			last, lastAt = v, c.at
		}
	}
	return last - first, time.Duration(lastAt - firstAt)
}
