package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/meta/question"
)

// maxAlerts is the number of alerts that a daemon stores.
const maxAlerts = 256

// episode is an alert in the JSON that statsdmonitor HOST PORT --alerts --json prints (the old form of the command
// line). Times are in Unix seconds.
type episode struct {
	ID      string  `json:"id"`
	Reason  string  `json:"reason"`
	Subject string  `json:"subject"`
	State   string  `json:"state"`
	Text    string  `json:"text"`
	Began   float64 `json:"began"`
	Ended   float64 `json:"ended"` // 0 while the alert continues
	Told    []told  `json:"told"`
}

type told struct {
	Notifier string  `json:"notifier"`
	Begin    outcome `json:"begin"`
	Change   outcome `json:"change"`
	End      outcome `json:"end"`
}

type outcome struct {
	State string  `json:"state"`
	Time  float64 `json:"time"`
	Tries int     `json:"tries"`
	Error string  `json:"error"`
}

// alerted prints the alerts, the latest first. For each alert, it prints what happened to the
// notifications about its start and its end.
func alerted(ctx context.Context, s *session) error {
	var answer question.Alerts
	if _, err := s.client.Ask(ctx, ask.Question{Method: "alerts", Args: []any{maxAlerts}}, &answer); err != nil {
		return err
	}
	if s.on("json") {
		return ascii.WriteJSON(s.out, oldAlerts(answer.Alerts))
	}
	if len(answer.Alerts) == 0 {
		_, err := fmt.Fprintln(s.out, "nothing was wrong so far")
		return err
	}
	for i := range answer.Alerts {
		if err := printAlert(s.out, &answer.Alerts[i], time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func oldAlerts(alerts []question.Alert) []episode {
	all := make([]episode, len(alerts))
	for i, a := range alerts {
		all[i] = episode{a.ID, a.Reason, a.Subject, a.State, a.Text, unixSeconds(a.Began), unixSeconds(a.Ended), make([]told, len(a.Told))}
		for j, t := range a.Told {
			all[i].Told[j] = told{t.Notifier, outcomeOf(t.Begin), outcomeOf(t.Change), outcomeOf(t.End)}
		}
	}
	return all
}

func outcomeOf(t question.Telling) outcome {
	return outcome{t.State, unixSeconds(t.Time), t.Tries, t.Error}
}

// unixSeconds returns a time in Unix seconds with a precision of 1 ms. For the zero time, it returns 0.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func printAlert(w io.Writer, a *question.Alert, now time.Time) error {
	lasted := "going on for " + whole(now.Sub(a.Began))
	if !a.Ended.IsZero() {
		lasted = whole(a.Ended.Sub(a.Began)) + " to " + a.Ended.UTC().Format("15:04:05Z")
	}
	name := strings.TrimSpace(a.Reason + " " + a.Subject)
	lines := []string{fmt.Sprintf("%s  %s  %s  %s", a.Began.UTC().Format("2006-01-02T15:04:05Z"), lasted, a.State, name), "  " + a.Text}
	for i := range a.Told {
		lines = append(lines, "  "+a.Told[i].Notifier+": "+toldText(&a.Told[i]))
	}
	if len(a.Told) == 0 {
		lines = append(lines, "  no notifier was told")
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, ascii.Safe(line)); err != nil {
			return err
		}
	}
	return nil
}

// toldText describes what happened to the notifications of a notifier.
func toldText(t *question.Told) string {
	var parts []string
	for _, part := range []struct {
		name string
		t    question.Telling
	}{{"begin", t.Begin}, {"change", t.Change}, {"end", t.End}} {
		if part.t.State != "none" {
			parts = append(parts, part.name+" "+tellingText(part.t))
		}
	}
	return strings.Join(parts, "; ")
}

func tellingText(t question.Telling) string {
	at := t.Time.UTC().Format("15:04:05Z")
	var text string
	switch t.State {
	case "told":
		text = "told " + at
	case "given_up":
		text = "NOT TOLD, given up " + at
	default:
		text = "not told yet"
	}
	if t.Tries > 1 {
		text += fmt.Sprintf(", %d tries", t.Tries)
	}
	if t.Error != "" {
		text += ": " + t.Error
	}
	return text
}

// whole formats a duration in whole seconds.
func whole(d time.Duration) string { return max(d, 0).Round(time.Second).String() }
