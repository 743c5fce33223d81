package history

import (
	"math"
	"time"
)

// cut has the values of one name in one flush or one minute. For a count it has the total only.
type cut struct {
	at                int64 // Unix nanoseconds: the end of the time that the cut covers
	width             int64 // nanoseconds between two cuts
	mean, least, most float64
	count             bool // mean is a total
}

// grid sorts cuts into steps of equal length.
type grid struct {
	start, step int64
	cells       int
}

// newGrid returns a grid from since to last with at most q.Points points. Its step is q.Step if that is long enough,
// otherwise a multiple of unit.
func newGrid(since, last, unit int64, q Query) grid {
	points := int64(max(q.Points, 1))
	g := grid{step: max(unit, int64(q.Step))}
	for {
		g.start = floor(since, g.step)
		cells := (last - g.start + g.step - 1) / g.step
		if cells <= points {
			g.cells = int(cells)
			return g
		}
		// The step is far too short: jump close to the right one.
		g.step = max(g.step/unit+1, (last-since)/points/unit) * unit
	}
}

// floor returns the last multiple of step at or before at.
func floor(at, step int64) int64 {
	r := at % step
	if r < 0 {
		r += step
	}
	return at - r
}

// series makes a Series of finished lines.
func (g *grid) series(lines []*gridLine) Series {
	s := Series{T0: time.Unix(0, g.start+g.step), Step: time.Duration(g.step)}
	for _, l := range lines {
		s.Lines = append(s.Lines, l.finish())
	}
	return s
}

// gridLine collects the cuts of one name, oldest first.
type gridLine struct {
	Line
	grid   *grid
	sum    []float64 // for each cell: the sum of each value multiplied by its seconds
	weight []float64 // for each cell: the sum of the seconds
	least  []float64 // of each cell

	all, seconds float64 // sum and weight of all
	before       cut     // the previous cut
	known        bool    // whether before is set
}

func (g *grid) line(name string) *gridLine {
	l := &gridLine{
		Line: Line{
			Name: name, Values: make([]float64, g.cells), Greatest: make([]float64, g.cells),
			Sum: Summary{Min: gap, Mean: gap, Max: gap, Last: gap},
		},
		grid: g, sum: make([]float64, g.cells), weight: make([]float64, g.cells), least: make([]float64, g.cells),
	}
	for i := range l.Values {
		l.Values[i], l.Greatest[i], l.least[i] = gap, gap, gap
	}
	return l
}

// add adds the next cut.
func (l *gridLine) add(c cut) {
	l.Known, l.Rate = true, c.count
	if !c.count {
		l.put(&c, float64(c.width)/1e9)
		return
	}
	before, known := l.before, l.known
	l.before, l.known = c, true
	if !known || c.mean < before.mean || c.at <= before.at {
		return
	}
	seconds := float64(c.at-before.at) / 1e9
	rate := (c.mean - before.mean) / seconds
	c.mean, c.least, c.most = rate, rate, rate
	l.put(&c, seconds)
}

// put adds a value that covers the given seconds.
func (l *gridLine) put(c *cut, seconds float64) {
	i := int((c.at - l.grid.start - 1) / l.grid.step)
	if c.at <= l.grid.start || i >= l.grid.cells {
		return
	}
	l.sum[i] += c.mean * seconds
	l.weight[i] += seconds
	l.all += c.mean * seconds
	l.seconds += seconds
	l.Greatest[i] = greater(l.Greatest[i], c.most)
	l.least[i] = -greater(-l.least[i], -c.least)
	if s := &l.Sum; !(c.most <= s.Max) {
		s.Max, s.MaxAt = c.most, time.Unix(0, c.at)
	}
	l.Sum.Min = -greater(-l.Sum.Min, -c.least)
	l.Sum.Last = c.mean
}

// greater returns the greater of two numbers. The first may be a gap.
func greater(a, b float64) float64 {
	if a > b {
		return a
	}
	return b
}

func (l *gridLine) finish() Line {
	for i, w := range l.weight {
		if w > 0 {
			l.Values[i] = between(l.least[i], l.sum[i]/w, l.Greatest[i])
		}
	}
	if l.seconds > 0 {
		l.Sum.Mean = between(l.Sum.Min, l.all/l.seconds, l.Sum.Max)
	}
	return l.Line
}

// between returns v, or the bound if rounding or an overflow has moved v beyond the bound.
func between(least, v, most float64) float64 { return min(max(v, least), most) }

// tally counts the cuts of a series, and those that are missing between them.
type tally struct {
	held, missing int
	before        int64
}

func (t *tally) add(at, width int64) {
	if t.held > 0 {
		t.missing += max(0, int(math.Round(float64(at-t.before)/float64(width)))-1)
	}
	t.held++
	t.before = at
}
