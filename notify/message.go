package notify

import (
	"context"
	"time"
)

// Stage is the point in an episode that a Message reports.
type Stage string

// The stages of an episode.
const (
	Begin  Stage = "begin"
	Change Stage = "change" // of the state
	End    Stage = "end"
)

// Message is about one episode, the time during which one reason of the health holds. All texts are one line of
// printable ASCII.
type Message struct {
	ID      string // of the episode, the same from begin to end
	Stage   Stage
	State   string // "degraded" or "failing": now, or last before the end
	Before  string // the state that the receiver knows, if it differs
	Reason  string // such as "sink_failing"
	Subject string // the subject of the reason, such as a sink; may be empty
	Text    string // the problem
	Effect  string // its effect on the published values
	Next    string // the command to type next
	Host    string // host:port of the daemon
	Service string // the daemon's name for itself
	Page    string // the address of its status page; may be empty
	Began   time.Time
	Ended   time.Time // zero while the episode goes on

	// Keep says that a relay must never give this message up.
	Keep bool
	// Attempt counts the attempts to deliver this message, from 1.
	Attempt int
}

// Name returns the reason and the subject.
func (m *Message) Name() string {
	if m.Subject == "" {
		return m.Reason
	}
	return m.Reason + " " + m.Subject
}

// Receiver gets messages about episodes. One goroutine at a time uses it.
type Receiver interface {
	// Tell delivers messages, the oldest first. It returns nil if the receiver took
	// all of them, and a *Refusal if the receiver asks for something. It returns soon
	// after ctx ends, and leaves nothing running. The error shows no secret.
	Tell(ctx context.Context, messages []Message) error
	// Manner returns how the receiver wants to get messages.
	Manner() Manner
}

// Manner describes how a Receiver wants to get messages.
type Manner struct {
	Together bool          // one Tell gets all messages that wait
	Ends     bool          // it wants begins and ends, but no changes
	Pause    time.Duration // the least time between two deliveries
	Repeat   time.Duration // time between repeats about open episodes; 0: no repeats
}

// Refusal is the answer of a receiver that did not accept its messages.
type Refusal struct {
	Err   error
	Final bool          // the receiver will not accept the same messages later either
	After time.Duration // how long the receiver wants no message
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }
