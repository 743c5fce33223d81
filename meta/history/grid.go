package history

import (
	"math"
	"time"
)

// cut has the values of a figure or a path in a flush or a minute. For a count, only the field mean is used: it
// contains the total.
type cut struct {
	at                int64 // end of the flush interval or the minute, in Unix nanoseconds
	width             int64 // length of the flush interval or the minute, in nanoseconds
	mean, least, most float64
	count             bool // the figure is a count; the field mean then contains its total
}

// grid divides a period into steps of equal length.
type grid struct {
	start, step int64
	cells       int
}

// newGrid returns a grid from since to last with at most q.Points steps. The length of a step is
// q.Step if that is long enough, or else a multiple of unit.
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
		// The step is much too short. Continue with a step that is close to the result.
		g.step = max(g.step/unit+1, (last-since)/points/unit) * unit
	}
}

// floor returns the last multiple of the duration step that is not after the time at.
func floor(at, step int64) int64 {
	r := at % step
	if r < 0 {
		r += step
	}
	return at - r
}

// series makes a Series from complete lines.
func (g *grid) series(lines []*gridLine) Series {
	s := Series{T0: time.Unix(0, g.start+g.step), Step: time.Duration(g.step)}
	for _, l := range lines {
		s.Lines = append(s.Lines, l.finish())
	}
	return s
}

// gridLine collects the values of a name. They must be added in the order of their times.
type gridLine struct {
	Line
	grid   *grid
	sum    []float64 // for each step, the sum of all values, each multiplied by the seconds that it covers
	weight []float64 // for each step, the sum of these seconds
	least  []float64 // for each step, the minimum

	all, seconds float64 // the same two sums for the whole period
	before       cut     // the previous value of a count
	known        bool    // the field before is valid
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

// add adds the next value.
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

// put adds a value that covers the given number of seconds. The value can be divided among several
// steps.
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

// greater returns the larger of two numbers. The first number may be NaN: the second is then
// returned.
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

// between limits the value v to the range from least to most. Rounding or an overflow can move a
// mean out of this range.
func between(least, v, most float64) float64 { return min(max(v, least), most) }

// tally counts the flushes or minutes in a series, and the missing flushes or minutes.
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
