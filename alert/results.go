package alert

import (
	"maps"
	"slices"
	"sync"

	"github.com/statsd-ops/statsd/meta"
)

// results records which receivers accepted their messages.
type results struct {
	mu     sync.Mutex
	faults []meta.Fault     // the receivers whose last message failed
	counts map[string]Tally // by receiver
}

// Tally counts messages to a receiver, since the start.
type Tally struct{ Sent, Errors uint64 }

// untold returns the receivers whose last message failed.
func (r *results) untold() []meta.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// forget drops the results of notifiers that no longer exist.
func (r *results) forget(notifiers []Notifier) {
	for _, n := range notifiers {
		r.note(n.Name, nil)
	}
}

// count counts a message as sent, or as failed.
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

// tallies returns the counts of each receiver that got a message.
func (r *results) tallies() map[string]Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// note records whether a receiver accepted its last message: if so, err is nil.
func (r *results) note(receiver string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = slices.DeleteFunc(r.faults, func(f meta.Fault) bool { return f.Name == receiver })
	if err != nil {
		r.faults = append(r.faults, meta.Fault{Name: receiver, Text: err.Error()})
	}
}
