package report

import (
	"strconv"

	"github.com/statsd-ops/statsd/meta/question"
)

// Senders formats the senders of the names that match the pattern of the query.
func Senders(p Page, a question.Answer, d question.Senders) string {
	s := &sheet{Page: &p}
	of := "all names"
	if d.Match != "" && d.Match != "*" {
		of = d.Match
	}
	s.text(span{}, 0, "senders of "+of+": "+s.looking(a)+s.sure(d.Error, 0))
	if len(d.Senders) == 0 {
		s.line(span{text: "no matching sample was received"})
	} else {
		s.senders(d)
	}
	s.processes(d)
	return s.String()
}

func (s *sheet) senders(d question.Senders) {
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
}

// processes writes what each process of this host has sent over unix sockets.
func (s *sheet) processes(d question.Senders) {
	if len(d.Processes) == 0 {
		return
	}
	s.lines = append(s.lines, "")
	s.line(span{text: "processes on unix sockets, since the start"})
	rows := make([][]span, len(d.Processes))
	for i, p := range d.Processes {
		pid := "-"
		if p.PID > 0 {
			pid = strconv.Itoa(p.PID)
		}
		rows[i] = []span{
			{text: count(p.Lines)}, marked(p.Bad), marked(p.Denied), {text: strconv.FormatUint(p.UID, 10)}, {text: pid}, {text: p.Program},
			{text: count(p.Datagrams)}, {text: count(p.Connections)}, {text: s.clock(p.Last)},
		}
	}
	s.table([]column{
		{head: "lines", right: true}, {head: "bad", right: true}, {head: "denied", right: true}, {head: "uid", right: true}, {head: "pid", right: true}, {head: "program", flex: true},
		{head: "datagrams", right: true, from: wide}, {head: "connections", right: true, from: wide}, {head: "last", from: wide},
	}, rows)
	s.forgot(d.ProcessesForgotten)
}

// marked formats a number that should be 0. Other numbers are shown as warnings.
func marked(n uint64) span {
	if n > 0 {
		return span{count(n), warn}
	}
	return span{text: count(n)}
}
