package notify

import (
	"context"
	"time"
)

// Stage is what a Message reports about a problem: the beginning, a change or the end of the
// problem.
type Stage string

// The stages of a problem.
const (
	Begin  Stage = "begin"
	Change Stage = "change" // the state has changed
	End    Stage = "end"
)

// Message is a message about an episode. An episode is the time from the beginning to the end of a problem. All
// texts are one line of printable ASCII.
type Message struct {
	ID      string // id of the episode, the same in all messages of the episode
	Stage   Stage
	State   string // "degraded" or "failing": the current state, or the last state before the end
	Before  string // the last state that was reported to the receiver, if it differs from State
	Reason  string // name of the problem, such as "sink_failing"
	Subject string // what the problem is about, such as the name of a sink; may be empty
	Text    string // description of the problem
	Effect  string // effect of the problem on the published values
	Next    string // a command that shows more about the problem
	Host    string // host:port of the daemon
	Service string // name of the daemon
	Page    string // URL of the daemon's status page; may be empty
	Began   time.Time
	Ended   time.Time // zero while the problem continues

	// Keep means that the message must be sent again until it is delivered, without a time limit.
	Keep bool
	// Attempt is the number of the current attempt to deliver this message, starting at 1.
	Attempt int
}

// Name returns the reason and the subject.
func (m *Message) Name() string {
	if m.Subject == "" {
		return m.Reason
	}
	return m.Reason + " " + m.Subject
}

// Receiver receives messages about episodes. It need not be safe for concurrent use.
type Receiver interface {
	// Tell delivers messages, the oldest first. It returns nil if the receiver accepted all messages. It returns a
	// *Refusal if the receiver refused the messages or asked for a pause. It returns soon after ctx ends, and leaves
	// no goroutines. The error contains no secret.
	Tell(ctx context.Context, messages []Message) error
	// Manner returns how messages must be sent to the receiver.
	Manner() Manner
}

// Manner describes how messages must be sent to a Receiver.
type Manner struct {
	Together bool          // all waiting messages are sent in one call of Tell
	Ends     bool          // only messages about the beginning and the end of a problem are sent, none about changes
	Pause    time.Duration // minimum time between two deliveries
	Repeat   time.Duration // time between repeated messages about problems that continue; 0 means no repeats
}

// Refusal is the error of a receiver that did not accept the messages.
type Refusal struct {
	Err   error
	Final bool          // sending the same messages again would be useless
	After time.Duration // time for which no message may be sent
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }
