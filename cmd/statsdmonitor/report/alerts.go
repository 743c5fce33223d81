package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/meta/question"
)

// Alerts formats the alerts, the latest first. For each alert, it also says which notifiers were informed.
func Alerts(p Page, a question.Answer, d question.Alerts) string {
	s := &sheet{Page: &p}
	if len(d.Alerts) == 0 {
		s.line(span{"no problem so far", good})
	}
	for i := range d.Alerts {
		s.alert(&d.Alerts[i])
	}
	s.foot(a)
	return s.String()
}

// Audit formats the requested changes, the latest first.
func Audit(p Page, a question.Answer, d question.Alerts) string {
	s := &sheet{Page: &p}
	if len(d.Audit) == 0 {
		s.line(span{text: "no change was requested since the start"})
	}
	for i := range d.Audit {
		s.change(&d.Audit[i])
	}
	s.foot(a)
	return s.String()
}

// change writes a requested change and its result.
func (s *sheet) change(x *question.Audit) {
	who, done := x.Who, span{gap + "done", good}
	if who == "" {
		who = "no token"
	}
	if x.Result != "done" {
		done = span{}
	}
	s.line(span{text: pad(s.clock(x.Time), 8) + gap}, span{pad(x.Change, len("names/unmute")), bold}, span{text: gap + who + " from " + x.Address}, done)
	if x.Args != "" {
		s.text(span{}, 10, x.Args)
	}
	if x.Result != "done" {
		s.text(span{"        ! ", warn}, 10, x.Result)
	}
}

// lasted formats the duration of an alert.
func (p *Page) lasted(x *question.Alert) string {
	if x.Ended.IsZero() {
		return "going on " + p.since(x.Began)
	}
	return lasting(x.Ended.Sub(x.Began)) + " to " + p.after(x.Began, x.Ended, "15:04")
}

// alert writes an alert. The text of the alert is on the first line if it fits.
func (s *sheet) alert(x *question.Alert) {
	what := strings.TrimSpace(x.Reason + " " + x.Subject)
	when := pad(s.clock(x.Began), 8) + gap + pad(s.lasted(x), 16) + gap
	text := ": " + ascii.Safe(x.Text)
	below := len(when)+10+len(what)+len(text) > s.width()
	if below {
		text = ""
	}
	s.line(span{text: when}, span{pad(x.State, 8), ofState(x.State)}, span{text: gap + what + text})
	if below {
		s.text(span{}, 10, x.Text)
	}
	s.text(span{}, 10, s.told(x))
}

// told returns a text about the notifications of each notifier: whether they were sent.
func (p *Page) told(x *question.Alert) string {
	if len(x.Told) == 0 {
		return "no notifier got a message"
	}
	all := make([]string, len(x.Told))
	for i := range x.Told {
		t := &x.Told[i]
		text := t.Notifier + " " + p.telling(x.Began, t.Begin)
		if t.Begin.State == "waiting" && t.End.State == "told" {
			text = t.Notifier + " got the beginning and the end in one message" // the message about the end also reported the beginning
		}
		if t.End.State != "none" && t.End.State != "" {
			text += ", end " + p.telling(x.Began, t.End)
		}
		all[i] = text
	}
	return strings.Join(all, "; ")
}

// after formats a time. It adds the date only if the date differs from the date of began.
func (p *Page) after(began, t time.Time, layout string) string {
	if t.In(p.Zone).Format(time.DateOnly) == began.In(p.Zone).Format(time.DateOnly) {
		return t.In(p.Zone).Format(layout)
	}
	return p.stamp(t, layout)
}

// telling returns a text about one notification: whether it was sent.
func (p *Page) telling(began time.Time, t question.Telling) (text string) {
	switch t.State {
	case "told":
		text = "ok " + p.after(began, t.Time, time.TimeOnly)
	case "given_up":
		text = "NOT SENT"
	case "waiting":
		text = "not sent yet"
	default:
		return "sends no message about the beginning"
	}
	if t.Tries > 1 {
		text += fmt.Sprintf(", try %s", count(t.Tries))
	}
	if t.Error != "" {
		text += ": " + t.Error
	}
	if t.State == "given_up" {
		text += ", gave up " + p.after(began, t.Time, "15:04")
	}
	return text
}
