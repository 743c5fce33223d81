// Package relay brings messages to one receiver, in a goroutine of its own. It keeps
// at most 64 messages, retries, and reports each result.
//
// At most one message of an episode waits. A newer one takes its place. It contains everything that the receiver does
// not know yet: a begin has the newest state, and an end has both times.
//
// After a failure it waits for 1 s, then 2, 4 and so on up to 60 s, or for as long as
// the receiver asks for. It gives a message up 10 minutes after it was added.
package relay

import (
	"context"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/notify"
)

const (
	maxWaiting   = 64
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	patience     = 10 * time.Minute
	// endRepeats is how often an end is repeated for a receiver that wants repeats.
	endRepeats = 3
	// attemptTime bounds one attempt.
	attemptTime = 10 * time.Second
)

// Result is the result of an attempt to deliver a message.
type Result struct {
	Message notify.Message
	At      time.Time
	Tries   int
	Err     error // nil if the receiver accepted it
	GivenUp bool  // there will be no further attempt
	Repeat  bool  // the receiver had accepted it before
}

// Relay brings messages to one receiver. Run does the work.
type Relay struct {
	report func([]Result)
	wake   chan struct{} // has an element when there is something new

	mu       sync.Mutex
	receiver notify.Receiver
	items    []*item   // the oldest first
	failures int       // attempts in a row
	quiet    time.Time // no attempt before that time
	round    time.Time // when everything was last repeated
}

// New returns a Relay. It calls report after each attempt, from the goroutine of Run,
// and from Add when a message is given up.
func New(receiver notify.Receiver, report func([]Result)) *Relay {
	return &Relay{receiver: receiver, report: report, wake: make(chan struct{}, 1)}
}

// Replace changes the receiver. The new receiver gets the waiting messages.
func (r *Relay) Replace(receiver notify.Receiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receiver, r.failures, r.quiet = receiver, 0, time.Time{}
	r.rouse()
}

// Run delivers until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	for {
		receiver, batch, wait := r.next(time.Now())
		if batch != nil {
			err := tell(ctx, receiver, batch)
			if ctx.Err() != nil {
				return
			}
			r.report(r.settle(batch, time.Now(), err))
			continue
		}
		if !r.rest(ctx, wait) {
			return
		}
	}
}

// tell makes one attempt.
func tell(ctx context.Context, receiver notify.Receiver, batch []*item) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	messages := make([]notify.Message, len(batch))
	for i, it := range batch {
		messages[i] = it.told
	}
	return receiver.Tell(ctx, messages)
}

// rest sleeps until there is something to do. It reports false when ctx has ended.
func (r *Relay) rest(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// rouse makes Run look again.
func (r *Relay) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Waiting returns the number of messages that wait.
func (r *Relay) Waiting() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range r.items {
		if it.waits {
			n++
		}
	}
	return n
}
