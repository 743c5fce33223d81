// Package notify reports problems and recoveries to people.
//
// The alert loop in package server decides when to report. A Notifier delivers one Event to one receiver, before
// the deadline of the context.
package notify

import (
	"context"
	"time"
)

// Status is a status as defined for Nagios plugins.
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

// Event is the result of one health check.
type Event struct {
	Status Status
	// Service is the name of the checked service. The daemon uses its metadata prefix as the name.
	Service string
	// Text describes the problem in one line of printable ASCII. Text that is received from other programs must be
	// quoted.
	Text string
	Time time.Time
}

// Notifier delivers events to one receiver. It need not be safe for concurrent use.
type Notifier interface {
	// Notify reports e. It returns nil if the receiver accepted e. If the protocol has no
	// confirmation, nil means that e was sent. Notify returns soon after ctx ends, and leaves no
	// goroutines. The error contains the name of the receiver.
	Notify(ctx context.Context, e Event) error
}
