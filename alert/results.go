package alert

import (
	"maps"
	"slices"
	"sync"

	"github.com/statsd-ops/statsd/meta"
)

// results stores the result of the last message to each receiver, and counts the messages.
type results struct {
	mu     sync.Mutex
	faults []meta.Fault     // receivers whose last message failed
	counts map[string]Tally // by name of the receiver
}

// Tally counts the messages to a receiver since the start.
type Tally struct{ Sent, Errors uint64 }

func (r *results) untold() []meta.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// forget removes the results of notifiers that were removed.
func (r *results) forget(notifiers []Notifier) {
	for _, n := range notifiers {
		r.note(n.Name, nil)
	}
}

// count counts a message that was sent, or that failed.
func (r *results) count(receiver string, sent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[receiver]
	if sent {
		c.Sent++
	} else {
		c.Errors++
	}
	r.counts[receiver] = c
}

// tallies returns the counts of messages, by the name of the receiver.
func (r *results) tallies() map[string]Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// note stores the result of the last message to a receiver. The parameter err is nil if the message was accepted.
func (r *results) note(receiver string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = slices.DeleteFunc(r.faults, func(f meta.Fault) bool { return f.Name == receiver })
	if err != nil {
		r.faults = append(r.faults, meta.Fault{Name: receiver, Text: err.Error()})
	}
}
