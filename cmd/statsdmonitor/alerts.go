package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxAlerts is how many a daemon keeps.
const maxAlerts = 256

// alertsAnswer is the answer of the method alerts.
type alertsAnswer struct {
	Data struct {
		Alerts []episode `xmlrpc:"alerts"`
	} `xmlrpc:"data"`
}

// episode is the time during which something was wrong, and who was told. Times are RFC 3339.
type episode struct {
	ID      string `xmlrpc:"id" json:"id"`
	Reason  string `xmlrpc:"reason" json:"reason"`
	Subject string `xmlrpc:"subject" json:"subject"`
	State   string `xmlrpc:"state" json:"state"`
	Text    string `xmlrpc:"text" json:"text"`
	Began   string `xmlrpc:"began" json:"began"`
	Ended   string `xmlrpc:"ended" json:"ended"` // empty while it goes on
	Told    []told `xmlrpc:"told" json:"told"`
}

// told is what one notifier was told.
type told struct {
	Notifier string  `xmlrpc:"notifier" json:"notifier"`
	Begin    outcome `xmlrpc:"begin" json:"begin"`
	Change   outcome `xmlrpc:"change" json:"change"`
	End      outcome `xmlrpc:"end" json:"end"`
}

// outcome is what became of a message.
type outcome struct {
	State string `xmlrpc:"state" json:"state"` // none, waiting, told or given_up
	Time  string `xmlrpc:"time" json:"time"`
	Tries int64  `xmlrpc:"tries" json:"tries"`
	Error string `xmlrpc:"error" json:"error"`
}

// alerted prints what was wrong, the newest first, and who was told of its begin and its end.
func alerted(ctx context.Context, o *options, w io.Writer) error {
	var answer alertsAnswer
	if err := o.ask(ctx, question{"alerts", []any{maxAlerts}, alertsLimit}, &answer); err != nil {
		return err
	}
	episodes := answer.Data.Alerts
	if episodes == nil {
		episodes = []episode{}
	}
	if o.json {
		for i := range episodes {
			if episodes[i].Told == nil {
				episodes[i].Told = []told{}
			}
		}
		return printJSON(w, episodes)
	}
	if len(episodes) == 0 {
		_, err := fmt.Fprintln(w, "nothing was wrong so far")
		return err
	}
	for i := range episodes {
		if err := episodes[i].print(w, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (e *episode) print(w io.Writer, now time.Time) error {
	began := timeOf(e.Began)
	lasted := "going on for " + whole(now.Sub(began))
	if e.Ended != "" {
		ended := timeOf(e.Ended)
		lasted = whole(ended.Sub(began)) + " to " + ended.Format("15:04:05Z")
	}
	name := strings.TrimSpace(e.Reason + " " + e.Subject)
	lines := []string{fmt.Sprintf("%s  %s  %s  %s", began.Format("2006-01-02T15:04:05Z"), lasted, e.State, name), "  " + e.Text}
	for _, t := range e.Told {
		lines = append(lines, "  "+t.Notifier+": "+t.text())
	}
	if len(e.Told) == 0 {
		lines = append(lines, "  no notifier was told")
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, safe(line)); err != nil {
			return err
		}
	}
	return nil
}

// text says what became of the messages to a notifier.
func (t *told) text() string {
	var parts []string
	for _, part := range []struct {
		name string
		o    outcome
	}{{"begin", t.Begin}, {"change", t.Change}, {"end", t.End}} {
		if part.o.State != "none" {
			parts = append(parts, part.name+" "+part.o.text())
		}
	}
	return strings.Join(parts, "; ")
}

func (o *outcome) text() string {
	at := timeOf(o.Time).Format("15:04:05Z")
	var text string
	switch o.State {
	case "told":
		text = "told " + at
	case "given_up":
		text = "NOT TOLD, given up " + at
	default:
		text = "not told yet"
	}
	if o.Tries > 1 {
		text += fmt.Sprintf(", %d tries", o.Tries)
	}
	if o.Error != "" {
		text += ": " + o.Error
	}
	return text
}

// timeOf reads a time. It is zero if the text is none.
func timeOf(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t.UTC()
}

// whole writes a duration in whole seconds.
func whole(d time.Duration) string { return max(d, 0).Round(time.Second).String() }
