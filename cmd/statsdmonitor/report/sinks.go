package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Sinks formats the time when each sink last accepted points, and how far the sink is behind. For a single sink, it
// adds details.
func Sinks(p Page, a question.Answer, sinks []question.Sink) string {
	s := &sheet{Page: &p}
	if len(sinks) == 0 {
		s.line(span{"no sink is configured: nothing is published", warn})
		s.foot(a)
		return s.String()
	}
	columns := []column{
		{head: "sink", flex: true}, {head: "state"}, {head: "accepted"}, {head: "behind", from: narrow},
		{head: "points/s", right: true, from: wide}, {head: "lost", right: true, from: wide},
		{head: "error", flex: true}, {head: "address", from: wide, flex: true},
	}
	rows := make([][]span, len(sinks))
	for i := range sinks {
		k := &sinks[i]
		accepted, failure := "never", cause(k.Error)
		if !k.Accepted.IsZero() {
			accepted = s.ago(k.Accepted)
			if s.width() >= narrow {
				accepted += gap + s.minute(k.Accepted)
			}
		}
		if failure == "" {
			failure = "-"
		}
		rows[i] = []span{
			{k.Name, bold}, {k.State, ofState(k.State)}, {text: accepted}, {text: behind(k)},
			{text: rate(k.PerSecond)}, {text: count(k.Dropped)}, {text: failure}, {text: k.Address},
		}
	}
	s.table(columns, rows)
	if len(sinks) == 1 {
		s.sink(&sinks[0])
	}
	s.foot(a)
	return s.String()
}

// cause returns the last part of an error text, such as: connection refused.
func cause(text string) string {
	return strings.TrimSpace(text[strings.LastIndex(text, ": ")+1:])
}

// behind formats the number of waiting points, and the age of the oldest flush that was not accepted.
func behind(k *question.Sink) string {
	text := count(k.Waiting)
	if k.Behind > 0 {
		text += "  " + lasting(seconds(k.Behind))
	}
	return text
}

// sink writes where the points of a sink are waiting, and the attempts to send them.
func (s *sheet) sink(k *question.Sink) {
	name := ascii.Safe(k.Name) + ": "
	indent := min(len(name), 20)
	if len(name) > indent {
		s.line(span{text: name})
		name = ""
	}
	spool := "no spool"
	if k.Spool.MaxBytes > 0 {
		spool = fmt.Sprintf("spool %s (%s)", count(k.Spool.Points), mebibytes(k.Spool))
	}
	s.text(span{text: name}, indent, fmt.Sprintf("queue %s (%s), %s, lost %s", count(k.Queue.Points), mebibytes(k.Queue), spool, count(k.Dropped)))
	var parts []string
	if k.FullIn > 0 && k.Dropped == 0 { // if points were dropped, the queue is already full, so FullIn says nothing
		parts = append(parts, "full in "+lasting(seconds(k.FullIn)))
	}
	if !k.Published.IsZero() {
		parts = append(parts, "has all flushes up to "+s.clock(k.Published))
	}
	if k.Attempts > 0 {
		text := plural.Things(k.Attempts, "attempt", "attempts")
		if !k.Accepted.IsZero() {
			text += " since " + s.clock(k.Accepted)
		}
		if k.NextIn > 0 {
			text += ", next in " + plural.Duration(seconds(k.NextIn).Round(100*time.Millisecond))
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, "; ")
	if k.Error != "" {
		text = strings.TrimPrefix(text+": "+k.Error, ": ")
	}
	if text != "" {
		s.text(span{}, indent, text)
	}
	s.text(span{}, indent, k.Address)
	for i := range k.Conflicts {
		c := &k.Conflicts[i]
		s.text(span{"! ", warn}, indent, fmt.Sprintf("%s, %s: %s: %s", ascii.Safe(c.Subject), c.Reason, plural.Things(c.Count, "time", "times"), ascii.Safe(c.Text)))
	}
}
