package history

import (
	"math"
	"slices"
	"time"
)

const (
	// These are the periods of a history. A history has a value for each flush of the last 15 minutes (flushSpan).
	// Before that, it has a value for each of 45 minutes (minuteSpan).
	flushSpan  = 15 * time.Minute
	minuteSpan = 45 * time.Minute
	minFlushes = 15
	maxFlushes = 900
	maxMinutes = int(minuteSpan / time.Minute)

	// placeBytes is the memory of a path's history without the values in the columns: a place, a minuteSum, and an
	// element of free. The path is not included, because it belongs to an entry of Values.
	placeBytes = 24 + 24 + 4
	valueBytes = 8
	cellBytes  = 3 * 4
	// columnHeader is the memory of a column without its values.
	columnHeader = 96
)

// places stores the histories of paths. Each path with a history has a place, which is a row in all
// columns. A flush adds a column. Columns of earlier flushes and minutes are not modified, so a
// copy of the list of columns can be read at any time.
type places struct {
	flushes int   // maximum number of flush columns
	step    int64 // period of a minute column in nanoseconds: 60 s, or the flush interval if it is longer
	most    int   // maximum number of rows

	rows    []place
	free    []int32
	columns []flushColumn // oldest first
	minutes []minuteColumn
	open    openMinute
	number  uint64 // number of flushes so far
	given   uint64 // last flush in which a row was assigned to an entry
}

// place is the row of a path.
type place struct {
	since uint64 // number of the first column in which this row belongs to the path; in earlier columns, it belongs to other paths
	asked uint64 // number of the last flush before the last query for the path; 0 if there was no query
	owner int32  // index of the path's entry; -1 if the row is free
}

// flushColumn contains the values of a flush. The value is NaN if the path was not published.
type flushColumn struct {
	number uint64
	at     int64 // time of the flush in Unix nanoseconds
	values []float64
}

// minuteColumn contains the values of all paths in one minute, as means and extremes.
type minuteColumn struct {
	number uint64 // number of the flush in which the column was made
	end    int64  // end of the minute in Unix nanoseconds
	cells  []cell
}

// cell summarises the values of one path in one minute. Its mean is NaN if the path was not published.
type cell struct{ mean, least, most float32 }

// openMinute is the minute that is not complete yet. A flush column that becomes too old is added to it.
type openMinute struct {
	end  int64 // end of the minute; 0 if there is none
	rows []minuteSum
}

type minuteSum struct {
	sum         float64
	n           uint32
	least, most float32
}

// newPlaces returns places for as many histories as fit into the memory.
func newPlaces(interval time.Duration, memory, names int) places {
	flushes := int((flushSpan + interval - 1) / interval)
	p := places{
		flushes: max(minFlushes, min(flushes, maxFlushes)),
		step:    int64(max(interval, time.Minute)),
	}
	each := valueBytes*(p.flushes+1) + cellBytes*(maxMinutes+1) + placeBytes
	p.most = max(0, min(names, memory/each, math.MaxInt32))
	for p.most > 0 && p.cost() > memory {
		p.most -= 1 + p.most/100
	}
	return p
}

// cost returns the memory that all places need. It includes the flush column and the minute column that are still being
// filled.
func (p *places) cost() int {
	return p.most*placeBytes + (p.flushes+1)*(columnHeader+taken(valueBytes*p.most)) +
		(maxMinutes+1)*(columnHeader+taken(cellBytes*p.most))
}

// taken returns the number of bytes that Go allocates for a request of the given number of bytes.
func taken(bytes int) int {
	const page = 8 << 10
	if bytes > 4*page {
		return (bytes + page - 1) / page * page
	}
	return cap(slices.Grow([]byte(nil), bytes))
}

// held returns the number of paths with a history.
func (p *places) held() int { return len(p.rows) - len(p.free) }

// full reports whether there is no free row.
func (p *places) full() bool { return len(p.free) == 0 && len(p.rows) == p.most }

// bytes returns the number of bytes in use.
func (p *places) bytes() int {
	n := placeBytes * cap(p.rows)
	for i := range p.columns {
		n += columnHeader + valueBytes*cap(p.columns[i].values)
	}
	for i := range p.minutes {
		n += columnHeader + cellBytes*cap(p.minutes[i].cells)
	}
	return n
}

// begin adds the column of a flush.
func (p *places) begin(at int64) {
	if p.number++; p.most == 0 {
		return
	}
	if n := len(p.columns); n > 0 && at <= p.columns[n-1].at {
		p.setBack(at)
	}
	if len(p.columns) == p.flushes {
		p.fold(&p.columns[0])
		p.columns = slices.Delete(p.columns, 0, 1)
	}
	// slices.Grow sets the capacity to the size of the allocation, so the function cap returns how
	// much memory is used.
	values := slices.Grow([]float64(nil), len(p.rows))[:len(p.rows)]
	for i := range values {
		values[i] = gap
	}
	p.columns = append(p.columns, flushColumn{number: p.number, at: at, values: values})
}

// end completes the column of a flush. It frees memory that was allocated for more rows than there
// are.
func (p *places) end() {
	if p.most == 0 {
		return
	}
	c := &p.columns[len(p.columns)-1]
	if cap(c.values) > len(c.values)+len(c.values)/16 {
		c.values = slices.Clone(c.values)
	}
}

// setBack removes all columns at or after the given time.
func (p *places) setBack(at int64) {
	p.columns = slices.DeleteFunc(p.columns, func(c flushColumn) bool { return c.at >= at })
	p.minutes = slices.DeleteFunc(p.minutes, func(m minuteColumn) bool { return m.end >= at })
	if p.open.end >= at {
		clear(p.open.rows)
		p.open.end = 0
	}
}

// take returns a free row, or -1 if there is none.
func (p *places) take() int32 {
	if n := len(p.free); n > 0 {
		row := p.free[n-1]
		p.free = p.free[:n-1]
		return row
	}
	if len(p.rows) == p.most {
		return -1
	}
	if len(p.rows) == cap(p.rows) {
		p.rows = append(make([]place, 0, min(max(64, 2*len(p.rows)), p.most)), p.rows...)
	}
	p.rows = append(p.rows, place{})
	c := &p.columns[len(p.columns)-1]
	c.values = append(c.values, gap)
	return int32(len(p.rows) - 1)
}

// give assigns a row to an entry.
func (p *places) give(row, owner int32) {
	p.rows[row] = place{owner: owner, since: p.number}
	p.given = p.number
	p.columns[len(p.columns)-1].values[row] = gap
	if int(row) < len(p.open.rows) {
		p.open.rows[row] = minuteSum{}
	}
}

// release makes the row of a path free.
func (p *places) release(row int32) {
	p.rows[row] = place{owner: -1}
	p.free = append(p.free, row)
}

// fold adds the values of the oldest flush column to the minute that contains the flush.
func (p *places) fold(c *flushColumn) {
	end := floor(c.at-1, p.step) + p.step
	if p.open.end != end {
		p.close()
		p.open.end = end
	}
	if n := len(p.rows); len(p.open.rows) < n {
		p.open.rows = append(make([]minuteSum, 0, cap(p.rows)), p.open.rows...)[:n]
	}
	for row, v := range c.values {
		if v != v || c.number < p.given && c.number < p.rows[row].since {
			continue
		}
		s, v32 := &p.open.rows[row], float32(v)
		if s.n == 0 {
			s.least, s.most = v32, v32
		}
		s.sum += v
		s.n++
		s.least, s.most = min(s.least, v32), max(s.most, v32)
	}
}

// close stores the open minute, if there is one, as a column.
func (p *places) close() {
	if p.open.end == 0 {
		return
	}
	n := len(p.open.rows)
	m := minuteColumn{number: p.number, end: p.open.end, cells: slices.Grow([]cell(nil), n)[:n]}
	for i := range p.open.rows {
		s := &p.open.rows[i]
		m.cells[i] = cell{s.mean(), s.least, s.most}
	}
	clear(p.open.rows)
	p.open.end = 0
	if len(p.minutes) == maxMinutes {
		p.minutes = slices.Delete(p.minutes, 0, 1)
	}
	p.minutes = append(p.minutes, m)
}

// mean returns the mean. It returns NaN if there are no values, or if the mean is too large for a
// float32.
func (s *minuteSum) mean() float32 {
	m := float32(s.sum / float64(s.n))
	if math.IsInf(float64(m), 0) {
		return float32(gap)
	}
	return m
}
