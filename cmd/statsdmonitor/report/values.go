package report

import (
	"fmt"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Values formats published values.
func Values(p Page, a question.Answer, v question.PathValues) string {
	s := &sheet{Page: &p}
	if len(v.Values) > 0 {
		s.values(v.Values)
	}
	s.matched(&v, a.Complete)
	s.foot(a)
	return s.String()
}

func (s *sheet) values(values []question.PathValue) {
	columns := []column{
		{head: "now", right: true},
		{head: "1m", right: true, from: narrow}, {head: "5m", right: true, from: narrow}, {head: "15m", right: true, from: narrow},
		{head: "min 15m", right: true, from: wide}, {head: "max 15m", right: true, from: wide},
		{head: "age", right: true}, {head: "path", flex: true},
	}
	rows := make([][]span, len(values))
	for i := range values {
		v := &values[i]
		for _, n := range []question.Number{v.Value, v.M1, v.M5, v.M15, v.Min, v.Max} {
			rows[i] = append(rows[i], span{text: number(n)})
		}
		age := "-"
		if !v.Time.IsZero() {
			age = s.since(v.Time)
		}
		rows[i] = append(rows[i], span{text: age}, span{text: v.Path})
	}
	s.table(columns, rows)
}

// matched writes how many paths match, and how many of the shown paths have a history.
func (s *sheet) matched(v *question.PathValues, complete bool) {
	verb := "match"
	if v.Matched == 1 {
		verb = "matches"
	}
	text := fmt.Sprintf("%s of %s %s", count(v.Matched), plural.Things(uint64(max(v.Held, 0)), "path", "paths"), verb)
	if len(v.Values) < v.Matched {
		text += fmt.Sprintf(", %s shown (--limit)", count(len(v.Values)))
	}
	if !complete {
		text += ", not all paths were searched: repeat the command"
	}
	without := 0
	for i := range v.Values {
		if !v.Values[i].History {
			without++
		}
	}
	switch all := len(v.Values); {
	case all == 0:
	case without == 0:
		text += "; " + haveAll(all) + " a history"
	case without == all:
		text += fmt.Sprintf("; no history yet (%s paths have a history)", count(v.Histories))
	default:
		text += fmt.Sprintf("; %s no history yet (%s paths have a history)", plural.Things(uint64(without), "path has", "paths have"), count(v.Histories))
	}
	s.text(span{}, 0, text)
}

func haveAll(n int) string {
	switch n {
	case 1:
		return "it has"
	case 2:
		return "both have"
	}
	return "all have"
}
