package history

import (
	"math"
	"slices"
	"time"
)

// Span combines the values of a path in the last minutes before the last flush. The mean is exact:
// it is the sum of the values divided by their number. Mean, Min and Max are NaN if Flushes is 0.
type Span struct {
	Mean, Min, Max float64
	Flushes        int // number of flushes with a value
	// Over is the length of the period. It is shorter than requested if the history is younger. It is
	// also shorter if the interval is below 1 s, because only the last 900 flushes are kept.
	Over time.Duration
}

// Held says whether a path has a history.
type Held uint8

// These are the possible states of a history.
const (
	Holding Held = iota // the path has a history
	FromNow             // the path will have a history when the next flush publishes it
	NoPlace             // there is no memory, because all histories belong to paths that were queried within the last hour
	Off                 // histories are turned off
)

// Path contains the last value of a path, and its means.
type Path struct {
	Path  string
	Value float64   // the last value; NaN if there is none
	Time  time.Time // time of Value
	Held  Held
	// M1, M5 and M15 combine the values of the last 1, 5 and 15 minutes before the last flush.
	M1, M5, M15 Span
	// Flushes is the number of flushes in the last 15 minutes that can have a value of the path, because the path had a
	// history. Since is the time of the first of these flushes.
	Flushes int
	Since   time.Time
}

// Path returns the last value of a path, and its means. If no value is kept, ok is false. A call of
// Path counts as a query for the path.
func (v *Values) Path(path string) (p Path, ok bool) {
	r := v.look(path)
	return r.path(path), r.known
}

// reading is what Values knows about a path at a moment. It can be used without the lock.
type reading struct {
	view  *view
	known bool // whether there is a value of the path
	value float64
	time  int64
	held  Held
	row   int32
	since uint64
	open  minuteSum
}

// view is the content of the histories after a flush. It is not modified.
type view struct {
	at      int64 // time of the flush
	step    int64 // period of a minute column in nanoseconds: see places.step
	columns []flushColumn
	minutes []minuteColumn
	openEnd int64
	length  int64 // length of a flush interval
}

// look reads a path. A call of look counts as a query for the path.
func (v *Values) look(path string) (r reading) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r = reading{view: v.view(), value: gap, held: v.ask(path)}
	i, known := v.index.find(v.entries, []byte(path))
	if !known {
		return r
	}
	e := &v.entries[i]
	r.known, r.value, r.time = true, e.value, int64(e.time)
	if r.row = e.place; r.row < 0 {
		return r
	}
	r.since = v.places.rows[r.row].since
	if int(r.row) < len(v.places.open.rows) {
		r.open = v.places.open.rows[r.row]
	}
	return r
}

// view returns the view after the last flush. Until the next flush, all readers get the same view.
func (v *Values) view() *view {
	if v.shown == nil {
		p := &v.places
		v.shown = &view{
			at: v.at, step: p.step, length: v.interval, openEnd: p.open.end,
			columns: slices.Clone(p.columns), minutes: slices.Clone(p.minutes),
		}
	}
	return v.shown
}

// path returns the result of Values.Path.
func (r *reading) path(path string) Path {
	p := Path{Path: path, Value: r.value, Held: r.held}
	if r.known {
		p.Time = time.Unix(r.time, 0)
	}
	p.M1, p.M5, p.M15 = r.span(time.Minute), r.span(5*time.Minute), r.span(15*time.Minute)
	if first := r.first(); r.held == Holding && first < len(r.view.columns) {
		p.Flushes = len(r.view.columns) - first
		p.Since = time.Unix(0, r.view.columns[first].at)
	}
	return p
}

// first returns the index of the first column that belongs to the path.
func (r *reading) first() int {
	i := 0
	for i < len(r.view.columns) && r.view.columns[i].number < r.since {
		i++
	}
	return i
}

// in returns the value of the path in a column. It returns NaN if there is none.
func (r *reading) in(c *flushColumn) float64 {
	if int(r.row) >= len(c.values) {
		return gap
	}
	return c.values[r.row]
}

// span combines the flushes in a period before the last flush. The parameter over is the length of
// the period. If the flush interval is longer than this period, span uses only the last flush.
func (r *reading) span(over time.Duration) Span {
	s := Span{Mean: gap, Min: gap, Max: gap}
	if r.held != Holding {
		return s
	}
	from := r.view.at - max(int64(over), r.view.length)
	var sum exactSum
	for i := range r.view.columns {
		c := &r.view.columns[i]
		if c.at <= from || c.number < r.since {
			continue
		}
		if s.Over == 0 {
			s.Over = time.Duration(r.view.at - c.at + r.view.length)
		}
		if v := r.in(c); v == v {
			s.Flushes++
			s.Min, s.Max = -greater(-s.Min, -v), greater(s.Max, v)
			sum.add(v)
		}
	}
	if s.Flushes > 0 {
		s.Mean = between(s.Min, sum.mean(s.Flushes), s.Max)
	}
	return s
}

// exactSum adds numbers and compensates the rounding errors (A. Neumaier, 1974).
type exactSum struct{ sum, lost float64 }

func (s *exactSum) add(v float64) {
	t := s.sum + v
	if math.Abs(s.sum) >= math.Abs(v) {
		s.lost += (s.sum - t) + v
	} else {
		s.lost += (v - t) + s.sum
	}
	s.sum = t
}

func (s *exactSum) mean(n int) float64 { return (s.sum + s.lost) / float64(n) }

// Series returns the histories of paths, with a line for each path. If a path has no history, Known
// is false in its line. A call of Series counts as a query for the paths.
func (v *Values) Series(q Query) (s Series, held []Held) {
	all := make([]reading, len(q.Names))
	last, unit := int64(0), v.interval
	for i, path := range q.Names {
		all[i] = v.look(path)
		held = append(held, all[i].held)
		last = all[i].view.at
	}
	since := q.since(last)
	for i := range all {
		if len(all[i].minutes(since)) > 0 {
			unit = all[i].view.step
		}
	}
	g := newGrid(since, last, unit, q)
	var lines []*gridLine
	var most tally
	for i := range all {
		l := g.line(q.Names[i])
		if t := all[i].fill(l, since); t.held >= most.held {
			most = t
		}
		lines = append(lines, l)
	}
	s = g.series(lines)
	s.Held, s.Missing = most.held, most.missing
	return s, held
}

// fill adds the minutes and flushes of the path after the time since to the line l. It also counts these minutes and
// flushes.
func (r *reading) fill(l *gridLine, since int64) (t tally) {
	for _, m := range r.minutes(since) {
		t.add(m.at, m.width)
		l.add(m)
	}
	w := r.view
	for i := range w.columns {
		c := &w.columns[i]
		if c.at <= since || c.number < r.since || r.held != Holding {
			continue
		}
		t.add(c.at, w.length)
		if v := r.in(c); v == v {
			l.add(cut{at: c.at, width: w.length, mean: v, least: v, most: v})
		}
	}
	return t
}

// minutes returns the minutes of the path that are later than the time since. The last of these
// minutes can be incomplete.
func (r *reading) minutes(since int64) (cuts []cut) {
	if r.held != Holding {
		return nil
	}
	for i := range r.view.minutes {
		m := &r.view.minutes[i]
		if m.end <= since || m.number <= r.since || int(r.row) >= len(m.cells) {
			continue
		}
		if c := m.cells[r.row]; c.mean == c.mean {
			cuts = append(cuts, cut{at: m.end, width: r.view.step, mean: float64(c.mean), least: float64(c.least), most: float64(c.most)})
		}
	}
	if end := r.view.openEnd; r.open.n > 0 && end > since {
		o := &r.open
		cuts = append(cuts, cut{at: end, width: int64(o.n) * r.view.length, mean: o.sum / float64(o.n), least: float64(o.least), most: float64(o.most)})
	}
	return cuts
}
