package meta

import (
	"slices"
	"strings"
	"time"
)

// Episode is the time during which a health problem (a Reason) is active, with the messages that notifiers got about
// it. Its texts are single lines of printable ASCII.
type Episode struct {
	ID      string    `json:"id"`
	Reason  string    `json:"reason"`
	Subject string    `json:"subject,omitempty"`
	State   State     `json:"state"` // the current state, or the last state before the end
	Text    string    `json:"text"`
	Next    string    `json:"next"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"` // zero while the episode is open
	Told    []Told    `json:"told,omitempty"`

	// resumed means that the episode was open when an earlier daemon ended, and that it is not known
	// yet whether its reason is still active.
	resumed bool
}

// Effect describes what the episode means for the published values.
func (e *Episode) Effect() string {
	if i := rank(e.Reason); i >= 0 {
		return reasonTable[i].effect
	}
	return ""
}

// Name returns the reason and the subject of the episode.
func (e *Episode) Name() string {
	if e.Subject == "" {
		return e.Reason
	}
	return e.Reason + " " + e.Subject
}

// Told contains the messages to one notifier about an episode.
type Told struct {
	Notifier string  `json:"notifier"`
	Begin    Outcome `json:"begin,omitzero"`
	Change   Outcome `json:"change,omitzero"` // message about the last change of the state
	End      Outcome `json:"end,omitzero"`
}

// Outcome is the result of a message to a notifier.
type Outcome struct {
	Due   bool      `json:"due"`             // a message must be sent, or was sent
	At    time.Time `json:"at,omitzero"`     // when the notifier accepted the message, or when the message was dropped; zero while it waits
	Tries int       `json:"tries,omitempty"` // number of attempts
	Error string    `json:"error,omitempty"` // error of the last attempt; "" if the message was accepted
}

// Taken reports whether the notifier accepted the message.
func (o Outcome) Taken() bool { return !o.At.IsZero() && o.Error == "" }

// waits reports whether the message was neither accepted nor dropped yet.
func (o Outcome) waits() bool { return o.Due && o.At.IsZero() }

// Stage says what a message about an episode reports: its start, a change of its state, or its end.
type Stage int

// These are the stages of an episode.
const (
	Begin Stage = iota
	Change
	End
)

// of returns the outcome of the message about a stage.
func (t *Told) of(s Stage) *Outcome {
	return [...]*Outcome{&t.Begin, &t.Change, &t.End}[s]
}

// Event is the start, change or end of an episode. Each Event must be reported.
type Event struct {
	Stage   Stage
	Before  State   // the state before a Change
	Episode Episode // the episode at the time of the event
}

func (e *Episode) event(stage Stage, before State) Event {
	return Event{Stage: stage, Before: before, Episode: e.clone()}
}

func (e *Episode) clone() Episode {
	c := *e
	c.Told = slices.Clone(c.Told)
	return c
}

// StageFor returns the stage that must be reported to a notifier. If the notifier was not informed
// about the start of the episode, a Change is reported as Begin.
func (ev *Event) StageFor(notifier string) Stage {
	if ev.Stage == Change {
		if told := ev.Episode.told(notifier); told == nil || told.Begin.waits() {
			return Begin
		}
	}
	return ev.Stage
}

// told returns the messages to a notifier. It returns nil if there are none.
func (e *Episode) told(notifier string) *Told {
	for i := range e.Told {
		if e.Told[i].Notifier == notifier {
			return &e.Told[i]
		}
	}
	return nil
}

// note stores the result of a message.
func (e *Episode) note(notifier string, stage Stage, o Outcome) {
	if e.told(notifier) == nil {
		e.Told = append(e.Told, Told{Notifier: notifier})
	}
	was := e.told(notifier).of(stage)
	if was.Taken() && o.Error != "" {
		return // the message was accepted earlier, and a repetition has failed
	}
	if was.Taken() && stage != Change {
		return // the message was accepted earlier, and was repeated
	}
	o.Due, o.Error = true, printable(cut(o.Error, maxError))
	*was = o
}

const (
	maxText    = 400 // maximum length of the text in bytes
	maxSubject = 100
	maxError   = 160
)

// printable replaces all characters except printable ASCII by question marks.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// cut shortens a text to n bytes.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n-3] + "..."
}

// size returns the approximate size of the episode in bytes, in memory and in the file.
func (e *Episode) size() int {
	n := 260 + written(e.ID) + len(e.Reason) + written(e.Subject) + written(e.Text) + written(e.Next)
	for i := range e.Told {
		t := &e.Told[i]
		n += 60 + len(t.Notifier)
		for _, o := range []Outcome{t.Begin, t.Change, t.End} {
			if o.Due {
				n += 100 + written(o.Error)
			}
		}
	}
	return n
}

// written returns the length of a text in JSON.
func written(text string) int {
	n := len(text)
	for i := range len(text) {
		switch text[i] {
		case '"', '\\':
			n++
		case '<', '>', '&':
			n += len(`\u003c`) - 1
		}
	}
	return n
}
