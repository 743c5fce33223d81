package report

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Discards returns a function that formats a report about bad and refused samples. The parameter limit is the maximum
// number of bad lines that are shown.
func Discards(limit int) func(Page, question.Answer, question.Discards) string {
	return func(p Page, a question.Answer, d question.Discards) string {
		s := &sheet{Page: &p}
		for _, reason := range slices.Sorted(maps.Keys(d.Reasons)) {
			s.line(span{text: reason + ": " + count(d.Reasons[reason])})
		}
		s.badLines(d.Lines, limit)
		for _, r := range d.Refused {
			n := count(r.Most)
			if r.Least != r.Most {
				n = count(r.Least) + " to " + n
			}
			s.line(span{text: fmt.Sprintf("refused by --%s: %s samples of %s", r.Limit, n, r.Prefix)})
		}
		for _, path := range d.Collisions {
			s.line(span{text: "shared path: " + path})
		}
		s.alike(d.Alike)
		if d.Note != "" {
			s.text(span{}, 0, d.Note)
		}
		s.foot(a)
		return s.String()
	}
}

// badLines writes the last bad lines, the latest first.
func (s *sheet) badLines(lines []question.BadLine, limit int) {
	shown := lines[:min(len(lines), limit)]
	if len(shown) == 0 {
		return
	}
	s.lines = append(s.lines, "")
	rows, named := make([][]span, len(shown)), false
	for i, l := range shown {
		at := "-"
		if !l.Time.IsZero() {
			at = l.Time.In(s.Zone).Format(tailTime)
			if s.Now.Sub(l.Time) > 24*time.Hour {
				at = s.clock(l.Time)
			}
		}
		rows[i] = []span{{text: at}, {text: l.Reason}, {text: l.Sender}, {text: l.Line}, {text: l.Listener}}
		named = named || l.Listener != ""
	}
	columns := []column{{head: "time"}, {head: "reason"}, {head: "sender", from: narrow, flex: true}, {head: "line", flex: true}, {head: "listener", from: wide}}
	if !named {
		columns = columns[:4]
	}
	s.table(columns, rows)
	if more := len(lines) - len(shown); more > 0 {
		s.line(span{fmt.Sprintf("%s: %s", plural.Things(uint64(more), "older line", "older lines"), s.ask(fmt.Sprintf("discards -n %d", len(lines)))), dim})
	}
	s.lines = append(s.lines, "")
}

// alike writes groups of similar bad lines: the sender, the reason and the count.
func (s *sheet) alike(groups []question.Alike) {
	if len(groups) == 0 {
		return
	}
	rows := make([][]span, len(groups))
	for i, g := range groups {
		rows[i] = []span{{text: count(g.Count15m)}, {text: g.Reason}, {text: g.Sender}, {text: g.Last}}
	}
	s.table([]column{{head: "alike in 15m", right: true}, {head: "reason", from: narrow}, {head: "sender", flex: true}, {head: "last line", flex: true}}, rows)
}
