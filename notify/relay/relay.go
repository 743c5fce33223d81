// Package relay delivers messages to one receiver, in a separate goroutine. It stores at most 64 messages,
// retries failed deliveries, and reports each result.
//
// At most one message of an episode is waiting. A newer message replaces an older message of the same episode. It
// contains all information that the receiver has not got yet: the message about the beginning has the latest
// state, and the message about the end has the times of the beginning and the end.
//
// After a failure, the relay waits for 1 s, then 2, 4 and so on up to 60 s, or for the time that the receiver
// requests. It drops a message 10 minutes after the message was added.
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
	// endRepeats is how often an end is repeated for a receiver that requires repeats.
	endRepeats = 3
	// attemptTime is the time limit for one attempt.
	attemptTime = 10 * time.Second
)

// Result is the result of an attempt to deliver a message.
type Result struct {
	Message notify.Message
	At      time.Time
	Tries   int
	Err     error // nil if the receiver accepted the message
	GivenUp bool  // the message was dropped, and there are no further attempts
	Repeat  bool  // the receiver had accepted the message before
}

// Relay delivers messages to one receiver. Run must be called in a goroutine.
type Relay struct {
	report func([]Result)
	wake   chan struct{} // contains an element if there is something to do

	mu       sync.Mutex
	receiver notify.Receiver
	items    []*item   // oldest item first
	failures int       // number of consecutive failed attempts
	quiet    time.Time // no attempt is made before this time
	round    time.Time // time when all messages were last repeated
}

// New returns a Relay. The Relay calls report after each attempt, in the goroutine of Run. It also calls report
// in Add, if a message is dropped.
func New(receiver notify.Receiver, report func([]Result)) *Relay {
	return &Relay{receiver: receiver, report: report, wake: make(chan struct{}, 1)}
}

// Replace changes the receiver. Waiting messages are sent to the new receiver.
func (r *Relay) Replace(receiver notify.Receiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receiver, r.failures, r.quiet = receiver, 0, time.Time{}
	r.rouse()
}

// Run delivers messages until ctx ends.
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

// tell makes one attempt to deliver messages.
func tell(ctx context.Context, receiver notify.Receiver, batch []*item) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	messages := make([]notify.Message, len(batch))
	for i, it := range batch {
		messages[i] = it.told
	}
	return receiver.Tell(ctx, messages)
}

// rest sleeps until there is something to do. It returns false if ctx has ended.
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

// rouse wakes up Run.
func (r *Relay) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Waiting returns the number of waiting messages.
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
