package report

import (
	"fmt"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Top formats the names, prefixes, senders or kinds of metrics with the most samples.
func Top(p Page, a question.Answer, t question.Top) string {
	s := &sheet{Page: &p}
	s.text(span{}, 0, "top by "+t.By+": "+s.looking(a)+s.sure(t.Error, t.UnseenBelow))
	if len(t.Entries) == 0 {
		s.line(span{text: "no matching sample was received"})
		return s.String()
	}
	columns := []column{
		{head: "samples/s", right: true}, {head: "share", right: true}, {head: "of the first", from: wide},
		{head: "kind", from: narrow}, {head: t.By, flex: true}, {head: "published as", from: wide, flex: true},
	}
	if t.By == "kind" || !anyKind(t.Entries) {
		columns[3].from = never
	}
	if !anyPublished(t.Entries) {
		columns[5].from = never
	}
	rows := make([][]span, len(t.Entries))
	for i, e := range t.Entries {
		first := 0.0
		if t.Entries[0].Rate > 0 {
			first = e.Rate / t.Entries[0].Rate
		}
		rows[i] = []span{{text: rate(e.Rate)}, {text: percent(e.Share)}, {text: bar(first)}, {text: e.Kind}, {text: e.Name}, {text: e.Published}}
	}
	s.table(columns, rows)
	s.forgot(t.Forgotten)
	return s.String()
}

// never is the minimum page width of a column that is not shown on any page.
const never = 1 << 30

func anyKind(rows []question.TopRow) bool {
	for i := range rows {
		if rows[i].Kind != "" {
			return true
		}
	}
	return false
}

func anyPublished(rows []question.TopRow) bool {
	for i := range rows {
		if rows[i].Published != "" {
			return true
		}
	}
	return false
}

// looking formats how much of the traffic was examined. On wide pages, it adds the number of receivers.
func (s *sheet) looking(a question.Answer) string {
	text := looked(a)
	if l := a.LookedAt; l != nil && l.Receivers > 0 && s.width() >= wide {
		text += " (" + plural.Things(uint64(l.Receivers), "receiver", "receivers") + ")"
	}
	if !a.Complete {
		text += ", CUT SHORT"
	}
	return text
}

// sure formats the precision of the rates.
func (s *sheet) sure(relative, unseen float64) (text string) {
	if relative > 0 {
		text = fmt.Sprintf(", +-%s %%", decimal(100*relative, 2))
	}
	if unseen > 0 && s.width() >= wide {
		text += "; below " + rate(unseen) + "/s unseen"
	}
	return text
}

// forgot writes how many entries of a full table were replaced.
func (s *sheet) forgot(n uint64) {
	if n > 0 {
		s.line(span{"the table was full: " + plural.Things(n, "entry was", "entries were") + " replaced by others", dim})
	}
}
