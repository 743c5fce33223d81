package report

import (
	"strings"

	"github.com/statsd-ops/statsd/internal/ascii"
)

// column describes a column of a table.
type column struct {
	head  string
	right bool // the texts are right-aligned
	from  int  // minimum width of the page for showing the column
	flex  bool // if there is no room, the middle of the texts is left out
}

// narrowest is the minimum width of a flexible column.
const narrowest = 12

// gap is the space between two columns.
const gap = "  "

// table appends a table. Each row has a span for each column.
func (s *sheet) table(columns []column, rows [][]span) {
	var shown []int
	for i, c := range columns {
		if s.width() >= c.from {
			shown = append(shown, i)
		}
	}
	for i := range rows {
		for j := range rows[i] {
			rows[i][j].text = ascii.Safe(rows[i][j].text)
		}
	}
	widths := measure(columns, rows)
	s.fit(columns, shown, widths)
	head := make([]span, len(columns))
	for i, c := range columns {
		head[i] = span{c.head, dim}
	}
	for _, row := range append([][]span{head}, rows...) {
		s.row(columns, shown, widths, row)
	}
}

// measure returns the width of the longest text of each column.
func measure(columns []column, rows [][]span) []int {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = len(c.head)
		for _, row := range rows {
			widths[i] = max(widths[i], len(row[i].text))
		}
	}
	return widths
}

// fit reduces the width of flexible columns until the row fits on the page. It starts with the widest column.
func (s *sheet) fit(columns []column, shown, widths []int) {
	total := len(gap) * (len(shown) - 1)
	for _, i := range shown {
		total += widths[i]
	}
	for ; total > s.width(); total-- {
		widest := -1
		for _, i := range shown {
			if columns[i].flex && widths[i] > narrowest && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return // the row is still too long: the method line cuts off its end
		}
		widths[widest]--
	}
}

func (s *sheet) row(columns []column, shown, widths []int, row []span) {
	var line []span
	for at, i := range shown {
		text := row[i].text
		if columns[i].flex {
			text = shorten(text, widths[i])
		}
		space := strings.Repeat(" ", max(widths[i]-len(text), 0))
		if at > 0 {
			line = append(line, span{text: gap})
		}
		if columns[i].right {
			line = append(line, span{text: space}, span{text, row[i].style})
		} else {
			line = append(line, span{text, row[i].style}, span{text: space})
		}
	}
	s.line(line...)
}

// bar draws a fraction as a bar of up to 20 characters.
func bar(share float64) string {
	if !(share > 0) {
		return ""
	}
	return strings.Repeat("#", min(max(int(20*share+0.5), 1), 20))
}
