// Package notify tells people that something is wrong, or right again.
//
// The alert loop of package server decides what to report and when; a Notifier
// carries one Event to one place, and costs at most the context's deadline.
package notify

import (
	"context"
	"time"
)

// Status is how things stand, in the words and numbers of the Nagios plugin
// interface.
type Status int

// The four states of a Nagios service.
const (
	OK Status = iota
	Warning
	Critical
	Unknown
)

var statusNames = [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return statusNames[Unknown]
	}
	return statusNames[s]
}

// Event is one look at the daemon's health.
type Event struct {
	Status Status
	// Service names what was looked at; the daemon uses its metadata prefix.
	Service string
	// Text says what is wrong in one line. It is printable ASCII: who makes an
	// Event quotes what came from outside.
	Text string
	Time time.Time
}

// Notifier carries events to one place. One goroutine at a time uses it.
type Notifier interface {
	// Notify reports e and returns nil when the receiver took it, as far as
	// the receiver lets one know. It returns soon after ctx ends, and keeps
	// nothing running afterwards. The error names the receiver.
	Notify(ctx context.Context, e Event) error
}
