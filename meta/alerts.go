package meta

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/internal/xmlrpc"
)

// alerts answers the method alerts.
func (m *Monitor) alerts(params []xmlrpc.Value) (xmlrpc.Value, error) {
	limit, _ := params[0].(xmlrpc.Int)
	if limit < 1 || limit > maxEpisodes {
		return nil, &xmlrpc.Fault{Code: xmlrpc.InvalidParams, Text: fmt.Sprintf("alerts: want a number from 1 to %d, not %d", maxEpisodes, limit)}
	}
	episodes := m.episodes.Last(int(limit))
	answer := make(xmlrpc.Array, len(episodes))
	for i := range episodes {
		answer[i] = episodeStruct(&episodes[i])
	}
	return answer, nil
}

func episodeStruct(e *Episode) xmlrpc.Struct {
	told := make(xmlrpc.Array, len(e.Told))
	for i := range e.Told {
		t := &e.Told[i]
		told[i] = xmlrpc.Struct{
			{Name: "notifier", Value: xmlrpc.String(t.Notifier)},
			{Name: "begin", Value: outcomeStruct(t.Begin)},
			{Name: "change", Value: outcomeStruct(t.Change)},
			{Name: "end", Value: outcomeStruct(t.End)},
		}
	}
	return xmlrpc.Struct{
		{Name: "id", Value: xmlrpc.String(e.ID)},
		{Name: "reason", Value: xmlrpc.String(e.Reason)},
		{Name: "subject", Value: xmlrpc.String(e.Subject)},
		{Name: "state", Value: xmlrpc.String(e.State.String())},
		{Name: "text", Value: xmlrpc.String(e.Text)},
		{Name: "began", Value: xmlrpc.Double(secondsOf(e.Began))},
		{Name: "ended", Value: xmlrpc.Double(secondsOf(e.Ended))},
		{Name: "told", Value: told},
	}
}

func outcomeStruct(o Outcome) xmlrpc.Struct {
	return xmlrpc.Struct{
		{Name: "state", Value: xmlrpc.String(o.word())},
		{Name: "time", Value: xmlrpc.Double(secondsOf(o.At))},
		{Name: "tries", Value: xmlrpc.Int(o.Tries)},
		{Name: "error", Value: xmlrpc.String(o.Error)},
	}
}

// secondsOf returns Unix seconds, 0 for the zero time.
func secondsOf(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return unixSeconds(t)
}

// word says in a word what became of a message.
func (o Outcome) word() string {
	switch {
	case !o.Due:
		return "none"
	case o.At.IsZero():
		return "waiting"
	case o.Error != "":
		return "given_up"
	}
	return "told"
}

// pageAlerts is how many episodes the page shows.
const pageAlerts = 10

// alertRow is an episode on the page.
type alertRow struct {
	Began, Lasted, State, Mood, Name, Text string
	Told                                   []toldRow
}

// toldRow is what a notifier was told.
type toldRow struct {
	Text string
	Bad  bool
}

func (m *Monitor) alertRows(now time.Time) (rows []alertRow) {
	for _, e := range m.episodes.Last(pageAlerts) {
		row := alertRow{
			Began: e.Began.UTC().Format(time.DateTime), Lasted: "goes on for " + spell(now.Sub(e.Began)),
			State: e.State.String(), Mood: moods[e.State], Name: e.Name(), Text: e.Text,
		}
		if !e.Ended.IsZero() {
			row.Lasted, row.Mood = spell(e.Ended.Sub(e.Began))+", to "+e.Ended.UTC().Format(time.TimeOnly), ""
		}
		for i := range e.Told {
			t := &e.Told[i]
			for _, part := range []struct {
				name string
				o    Outcome
			}{{"", t.Begin}, {"change ", t.Change}, {"end ", t.End}} {
				if text, bad := part.o.say(); text != "" {
					row.Told = append(row.Told, toldRow{t.Notifier + ": " + part.name + text, bad})
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// say says in a line what became of a message, "" if there is none.
func (o Outcome) say() (text string, bad bool) {
	switch o.word() {
	case "told":
		text = "told " + o.At.UTC().Format(time.TimeOnly)
	case "given_up":
		text, bad = "not told, given up "+o.At.UTC().Format(time.TimeOnly), true
	case "waiting":
		text, bad = "not told yet", o.Tries > 0
	default:
		return "", false
	}
	if o.Tries > 1 || bad {
		text += ", " + plural.Things(uint64(o.Tries), "try", "tries")
	}
	if o.Error != "" {
		text += ": " + o.Error
	}
	return text, bad
}
