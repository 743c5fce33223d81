package report

import (
	"fmt"
	"strings"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// tailTime is the format for the time of a line.
const tailTime = "15:04:05.000"

// TailLine formats one received line, and what happened to it.
func TailLine(p Page, l question.Line) string {
	s := &sheet{Page: &p}
	head := s.tailHead(&l)
	room := s.width() - len(head)
	fate := span{text: strings.TrimSpace(l.Kind + " " + l.Name)}
	switch {
	case l.Reason != "" && l.Kind == "":
		fate = span{fmt.Sprintf("%s at byte %d", l.Reason, l.At+1), warn}
	case l.Reason != "":
		fate = span{"refused: " + l.Reason, warn}
	}
	line := ascii.Safe(unquoted(l.Line))
	if l.Reason == "" && len(line)+len(ascii.Safe(fate.text))+4 > room {
		fate.text = l.Kind // the line already shows the name
	}
	fate.text = " -> " + ascii.Safe(fate.text)
	line = shorten(line, room-len(fate.text))
	line = pad(line, min(room-len(fate.text), 24))
	s.line(span{text: head}, span{text: line}, fate)
	return s.String()
}

// tailHead formats the time and the sender of a line. Wide pages also show the transport.
func (s *sheet) tailHead(l *question.Line) string {
	head := l.Time.In(s.Zone).Format(tailTime) + gap
	if s.width() < narrow {
		return head[len("15:"):]
	}
	sender := ascii.Safe(l.Sender)
	if sender == "" {
		sender = "-"
	}
	head += pad(shorten(sender, s.width()/3), 12) + gap
	if s.width() >= wide {
		head += pad(ascii.Safe(l.Over), 4) + gap
	}
	return head
}

// TailEnd formats the number of matching lines, how many of them were shown, and the fraction of the traffic that was
// examined. The parameter limit is the maximum number of lines per second.
func TailEnd(l question.TailLooked, shown uint64, limit int) string {
	text := fmt.Sprintf("%s shown of %s that %s", count(shown), count(l.Matched), plural.Verb(l.Matched, "matches", "match"))
	if l.NotShown > 0 {
		text += fmt.Sprintf(" (limit %s/s)", count(limit))
	}
	if l.Every > 1 {
		return text + fmt.Sprintf(", 1 batch in %s looked at", count(l.Every))
	}
	return text + ", all looked at"
}
