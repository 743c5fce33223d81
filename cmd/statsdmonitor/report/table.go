package report

import (
	"strings"

	"github.com/statsd-ops/statsd/internal/ascii"
)

// column is a column of a table.
type column struct {
	head  string
	right bool // aligned to the right
	from  int  // the width of the page from which the column is shown
	flex  bool // its texts lose their middle where there is no room
}

// narrowest is the width below which a flexible column does not shrink.
const narrowest = 12

// gap is between columns.
const gap = "  "

// table appends a table. A row has a span for each column.
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

// fit narrows flexible columns, the widest first, until the row fits on the page.
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
			return // line cuts the row
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

// bar draws a share of something as up to 20 signs.
func bar(share float64) string {
	if !(share > 0) {
		return ""
	}
	return strings.Repeat("#", min(max(int(20*share+0.5), 1), 20))
}
