package report

import (
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Rules formats the rules for names, and how many samples each rule has matched.
func Rules(p Page, a question.Answer, d question.Rules) string {
	s := &sheet{Page: &p}
	if len(d.Rules) == 0 {
		s.text(span{}, 0, "no rules are set with --rules: names are only cleaned")
		s.foot(a)
		return s.String()
	}
	columns := []column{
		{head: "rule", flex: true}, {head: "line", right: true, from: wide}, {head: "action"}, {head: "samples", right: true},
		{head: "per second", right: true, from: narrow}, {head: "last", from: narrow}, {head: "match", flex: true}, {head: "kind", from: wide},
	}
	rows := make([][]span, len(d.Rules))
	for i := range d.Rules {
		r := &d.Rules[i]
		action, last, kind := span{text: r.Action}, "never", "all"
		if r.Counting {
			action = span{"count", dim}
		}
		if !r.Last.IsZero() {
			last = s.ago(r.Last)
		}
		if r.Kind != "" {
			kind = r.Kind
		}
		rows[i] = []span{
			{r.ID, bold}, {text: count(r.Line)}, action, {text: plural.Count(r.Samples)}, {text: rate(float64(r.PerSecond))},
			{text: last}, {text: r.Match}, {text: kind},
		}
	}
	s.table(columns, rows)
	s.text(span{}, 0, plural.Were(d.Dropped, "sample")+" dropped by rules since the start")
	s.foot(a)
	return s.String()
}
