package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// History formats each series as a chart.
func History(p Page, a question.Answer, h question.History) string {
	s := &sheet{Page: &p}
	for _, name := range slices.Sorted(maps.Keys(h.Series)) {
		s.series(a, &h, name)
	}
	for _, note := range h.Notes {
		if !strings.HasSuffix(note, " missing") { // the titles of the series show how much is missing
			s.text(span{}, 0, note)
		}
	}
	if len(h.Series) == 0 {
		s.line(span{text: "no history is stored"})
	}
	s.foot(a)
	return s.String()
}

// extremes contains the minimum and maximum of some values. A gap has neither.
type extremes struct {
	least, greatest float64
	present         int
}

func extremesOf(values []question.Number) extremes {
	m := extremes{least: math.NaN(), greatest: math.NaN()}
	for _, n := range values {
		v := float64(n)
		if math.IsNaN(v) {
			continue
		}
		if m.present == 0 || v > m.greatest {
			m.greatest = v
		}
		if m.present == 0 || v < m.least {
			m.least = v
		}
		m.present++
	}
	return m
}

// series writes one series. It leaves out the time before the first stored value.
func (s *sheet) series(a question.Answer, h *question.History, name string) {
	all := h.Series[name]
	first := slices.IndexFunc(all, func(n question.Number) bool { return !math.IsNaN(float64(n)) })
	if first < 0 {
		s.text(span{}, 0, name+": no value in this time")
		return
	}
	values, worst := all[first:], h.Worst[name]
	if greatest := h.Greatest[name]; len(greatest) == len(all) {
		values = greatest[first:]
	}
	step := seconds(h.Step)
	// The value at a time describes the step that ends at this time.
	from := h.From.Add(time.Duration(first-1) * step)
	to := from.Add(time.Duration(len(values)) * step)
	if to.After(a.AsOf) {
		to = a.AsOf // the last step is not complete
	}
	s.text(span{}, 0, s.seriesTitle(h, name, to.Sub(from), to, first > 0))
	sum := h.Sums[name]
	s.groups("", 0, []span{
		{text: "min " + number(sum.Min)}, {text: "mean " + number(sum.Mean)},
		{text: "max " + number(sum.Max) + " at " + s.clock(sum.MaxAt)}, {text: "last " + number(sum.Last)},
	}, "")
	m := extremesOf(values)
	s.chart(values, worst[min(first, len(worst)):], m)
	left, right := s.clock(from), s.clock(to)
	if space := s.drawn(m, len(values)) - len(left) - len(right); space >= 1 {
		s.line(span{pad("", axis(m)+2) + left + strings.Repeat(" ", space) + right, dim})
	}
}

// seriesTitle formats the name of a series, its unit, and how many values are missing.
func (s *sheet) seriesTitle(h *question.History, name string, over time.Duration, to time.Time, young bool) string {
	if h.Kinds[name] == "rate" {
		name += " per second"
	}
	text := name + ", " + plural.Duration(over) + " to " + s.clock(to) + ", " + plural.Things(uint64(max(h.Flushes, 0)), "flush", "flushes")
	if h.Missing > 0 {
		text += ", " + count(h.Missing) + " missing"
	} else {
		text += ", none missing"
	}
	if young {
		text += "; nothing older is stored"
	}
	return text
}

// axis returns the width of the labels to the left of a chart.
func axis(m extremes) int {
	return max(len("health"), len(decimal(m.greatest, 4)), len(decimal(floor(m), 4)))
}

// drawn returns the number of columns in a chart. If there are only a few values, each value has several columns.
func (s *sheet) drawn(m extremes, values int) int {
	room := s.width() - axis(m) - 2
	return min(room, values*max(room/values, 1))
}

// floor returns the value at the bottom of a chart: 0, or the minimum if it is negative.
func floor(m extremes) float64 { return min(m.least, 0) }

// rows is the height of a chart in lines.
const rows = 5

// chart draws values from the floor to the maximum. A column shows the maximum of one or more values, and the worst
// health state during their time.
func (s *sheet) chart(values, worst []question.Number, m extremes) {
	columns := s.drawn(m, len(values))
	heights, states := make([]int, columns), make([]int, columns)
	low := floor(m)
	for c := range columns {
		from := c * len(values) / columns
		to := max((c+1)*len(values)/columns, from+1)
		top := extremesOf(values[from:to])
		heights[c] = height(top, low, m.greatest)
		if len(worst) >= to {
			states[c] = int(max(extremesOf(worst[from:to]).greatest, 0))
		}
	}
	for row := rows; row >= 1; row-- {
		label := ""
		switch row {
		case rows:
			label = decimal(m.greatest, 4)
		case 1:
			label = decimal(low, 4)
		}
		line := make([]byte, columns)
		for c, h := range heights {
			line[c] = mark(h, row)
		}
		s.line(span{text: fmt.Sprintf("%*s |", axis(m), label)}, span{text: string(line)})
	}
	s.unwell(states, axis(m))
}

// height returns the height of a column in half rows, or -1 for a gap. The chart reaches from low to high.
func height(top extremes, low, high float64) int {
	if top.present == 0 {
		return -1
	}
	if top.greatest <= low {
		return 0
	}
	return max(int((top.greatest-low)/(high-low)*(2*rows)+0.5), 1)
}

// mark returns the character for a column of the given height in a row. Rows are counted from the bottom.
func mark(height, row int) byte {
	switch {
	case height < 0:
		return ' '
	case height >= 2*row:
		return '#'
	case height == 2*row-1:
		return ':'
	case row == 1:
		return '.'
	}
	return ' '
}

// unwell marks the columns in which the daemon was degraded (!) or failing (X).
func (s *sheet) unwell(states []int, axis int) {
	line, worst := make([]byte, len(states)), 0
	for c, state := range states {
		line[c], worst = " !X"[min(max(state, 0), 2)], max(worst, state)
	}
	if worst > 0 {
		s.line(span{pad("health", axis) + " |", dim}, span{string(line), []style{warn, warn, bad}[min(worst, 2)]})
	}
}
