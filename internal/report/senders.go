package report

import "github.com/statsd-ops/statsd/meta/question"

// Senders writes who sends names that match.
func Senders(p Page, a question.Answer, d question.Senders) string {
	s := &sheet{Page: &p}
	of := "all names"
	if d.Match != "" && d.Match != "*" {
		of = d.Match
	}
	s.text(span{}, 0, "senders of "+of+": "+s.looking(a)+s.sure(d.Error, 0))
	if len(d.Senders) == 0 {
		s.line(span{text: "no sample of these names came in"})
		return s.String()
	}
	columns := []column{
		{head: "samples/s", right: true}, {head: "share", right: true}, {head: "bad/s", right: true},
		{head: "sender", flex: true}, {head: "over"},
		{head: "sends most", from: wide, flex: true}, {head: "last bad line", from: wide, flex: true},
	}
	rows := make([][]span, len(d.Senders))
	for i, r := range d.Senders {
		badly := span{text: rate(r.Bad)}
		if r.Bad > 0 {
			badly.style = warn
		}
		rows[i] = []span{{text: rate(r.Rate)}, {text: percent(r.Share)}, badly, {text: r.Sender}, {text: r.Over}, {text: r.Most}, {text: unquoted(r.LastBad)}}
	}
	s.table(columns, rows)
	s.forgot(d.Forgotten)
	return s.String()
}
