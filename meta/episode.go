package meta

import (
	"slices"
	"strings"
	"time"
)

// Episode is the time during which one reason held, and who was told of it. Its texts are
// one line of printable ASCII.
type Episode struct {
	ID      string    `json:"id"`
	Reason  string    `json:"reason"`
	Subject string    `json:"subject,omitempty"`
	State   State     `json:"state"` // the current state, or the last one before the end
	Text    string    `json:"text"`
	Next    string    `json:"next"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"` // zero while it goes on
	Told    []Told    `json:"told,omitempty"`

	// resumed says that the episode was open when an earlier daemon ended. It is not known yet whether it goes on.
	resumed bool
}

// Effect says what the episode means for the published values.
func (e *Episode) Effect() string {
	if i := rank(e.Reason); i >= 0 {
		return reasonTable[i].effect
	}
	return ""
}

// Name returns the reason and its subject.
func (e *Episode) Name() string {
	if e.Subject == "" {
		return e.Reason
	}
	return e.Reason + " " + e.Subject
}

// Told holds the messages about an episode to one notifier.
type Told struct {
	Notifier string  `json:"notifier"`
	Begin    Outcome `json:"begin,omitzero"`
	Change   Outcome `json:"change,omitzero"` // the last one
	End      Outcome `json:"end,omitzero"`
}

// Outcome is what happened to one message to a notifier.
type Outcome struct {
	Due   bool      `json:"due"`             // the message must be sent, or was sent
	At    time.Time `json:"at,omitzero"`     // when the notifier accepted it, or it was given up; zero while it waits
	Tries int       `json:"tries,omitempty"` // all attempts
	Error string    `json:"error,omitempty"` // error of the last attempt, "" if the message was accepted
}

// Taken reports whether the notifier accepted the message.
func (o Outcome) Taken() bool { return !o.At.IsZero() && o.Error == "" }

// waits reports whether the message still waits to be sent.
func (o Outcome) waits() bool { return o.Due && o.At.IsZero() }

// Stage is a point in an episode about which notifiers get a message.
type Stage int

// The stages of an episode.
const (
	Begin Stage = iota
	Change
	End
)

// of returns the outcome of the message of a stage.
func (t *Told) of(s Stage) *Outcome {
	return [...]*Outcome{&t.Begin, &t.Change, &t.End}[s]
}

// Event is a message to send about an episode.
type Event struct {
	Stage   Stage
	Before  State   // for a change: the state before
	Episode Episode // the episode at that time
}

func (e *Episode) event(stage Stage, before State) Event {
	return Event{Stage: stage, Before: before, Episode: e.clone()}
}

func (e *Episode) clone() Episode {
	c := *e
	c.Told = slices.Clone(c.Told)
	return c
}

// StageFor returns the stage to report to a notifier. It is Begin instead of Change if the
// notifier does not know yet that the episode has begun.
func (ev *Event) StageFor(notifier string) Stage {
	if ev.Stage == Change {
		if told := ev.Episode.told(notifier); told == nil || told.Begin.waits() {
			return Begin
		}
	}
	return ev.Stage
}

// told returns the messages to a notifier, or nil if there were none to send.
func (e *Episode) told(notifier string) *Told {
	for i := range e.Told {
		if e.Told[i].Notifier == notifier {
			return &e.Told[i]
		}
	}
	return nil
}

// note keeps what happened to a message.
func (e *Episode) note(notifier string, stage Stage, o Outcome) {
	if e.told(notifier) == nil {
		e.Told = append(e.Told, Told{Notifier: notifier})
	}
	was := e.told(notifier).of(stage)
	if was.Taken() && o.Error != "" {
		return // the message was accepted before, and repeating it failed
	}
	if was.Taken() && stage != Change {
		return // the message was accepted before, and was repeated
	}
	o.Due, o.Error = true, printable(cut(o.Error, maxError))
	*was = o
}

const (
	maxText    = 400 // maximum length of an episode's text in bytes
	maxSubject = 100
	maxError   = 160
)

// printable replaces all characters but printable ASCII. A text that is already printable stays unchanged.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// cut shortens ASCII text.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n-3] + "..."
}

// size returns about how many bytes the episode takes, in memory and in a file.
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

// written returns how many bytes a text takes in JSON.
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
