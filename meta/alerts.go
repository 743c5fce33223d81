package meta

import (
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

// Word returns one word for the result of a message: none, waiting, told or given_up.
func (o Outcome) Word() string {
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

// pageAlerts is the maximum number of episodes on the page.
const pageAlerts = 10

// alertRow is the row of an episode on the page.
type alertRow struct {
	Began, Lasted, State, Mood, Name, Text string
	Told                                   []toldRow
}

// toldRow is a row on the page. It shows the result of one message to a notifier.
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

// say describes what happened to a message. It returns "" if there was no message.
func (o Outcome) say() (text string, bad bool) {
	switch o.Word() {
	case "told":
		text = "told " + o.At.UTC().Format(time.TimeOnly)
	case "given_up":
		text, bad = "not sent, dropped at "+o.At.UTC().Format(time.TimeOnly), true
	case "waiting":
		text, bad = "not sent yet", o.Tries > 0
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
