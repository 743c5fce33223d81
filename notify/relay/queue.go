package relay

import (
	"errors"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/notify"
)

// item is the latest message of an episode. If the receiver requires repeats, the item is kept after the
// delivery.
type item struct {
	m     notify.Message
	waits bool      // the receiver has not accepted the message yet
	since time.Time // time when the message was added
	tries int       // attempts for this message and for the messages that it replaced; a message about the end starts with 0
	left  int       // number of remaining repeats of a change or an end
	known bool      // the receiver has accepted the message before, but a repeat failed

	// told is the message of the running attempt. newer means that a newer message was added during this attempt.
	told  notify.Message
	newer bool
}

var errFull = errors.New("64 other messages are waiting for the receiver, and more cannot wait")

// Add queues a message for the receiver. If too many messages are waiting, it drops the oldest one.
func (r *Relay) Add(m notify.Message, now time.Time) {
	if lost := r.add(m, now); lost != nil {
		r.report([]Result{{Message: lost.m, At: now, Tries: lost.tries, Err: errFull, GivenUp: true}})
	}
}

func (r *Relay) add(m notify.Message, now time.Time) (lost *item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Stage == notify.Change && r.receiver.Manner().Ends {
		return nil
	}
	defer r.rouse()
	it := r.find(m.ID)
	if it == nil {
		it = &item{m: m}
		r.items = append(r.items, it)
	} else {
		it.follow(m)
	}
	it.waits, it.since, it.left, it.known = true, now, 0, false
	if it.m.Stage == notify.End {
		it.tries = 0 // the attempts for the message about the end are counted separately
	}
	r.yield()
	return r.overflow()
}

// Resume queues a message that the receiver has accepted before a restart. It has an effect only if the receiver
// requires repeats.
func (r *Relay) Resume(m notify.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.receiver.Manner().Repeat > 0 && r.find(m.ID) == nil {
		r.items = append(r.items, &item{m: m})
		r.rouse()
	}
}

func (r *Relay) find(id string) *item {
	for _, it := range r.items {
		if it.m.ID == id {
			return it
		}
	}
	return nil
}

// follow replaces the message by a newer message. If the receiver has not accepted the old message, the new
// message also contains the information of the old one.
func (it *item) follow(m notify.Message) {
	it.newer = true
	if it.waits {
		if it.m.Stage == notify.Begin && m.Stage == notify.Change {
			m.Stage, m.Before = notify.Begin, ""
		}
		if it.m.Stage == notify.Change {
			m.Before = it.m.Before
		}
	}
	it.m = m
}

// overflow drops the oldest message if there are too many.
func (r *Relay) overflow() *item {
	waiting := 0
	for _, it := range r.items {
		if it.waits {
			waiting++
		}
	}
	if waiting <= maxWaiting {
		return nil
	}
	i := slices.IndexFunc(r.items, func(it *item) bool { return it.waits && !it.m.Keep })
	if i < 0 {
		return nil // never happens: several messages are waiting, and at most one of them has Keep set
	}
	lost := r.items[i]
	r.drop(lost)
	return lost
}

// drop drops a message. If the receiver requires repeats, the message is repeated later while the problem
// continues.
func (r *Relay) drop(it *item) {
	it.waits, it.tries = false, 0
	if r.receiver.Manner().Repeat == 0 || it.m.Stage == notify.End {
		r.items = slices.DeleteFunc(r.items, func(other *item) bool { return other == it })
	}
}

// next returns the messages that must be sent now. If there are none, it returns the time to wait.
func (r *Relay) next(now time.Time) (receiver notify.Receiver, batch []*item, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	manner := r.receiver.Manner()
	due := r.due(manner, now)
	switch {
	case due.IsZero():
		return nil, nil, time.Hour
	case due.After(now):
		return nil, nil, due.Sub(now)
	}
	for _, it := range r.items {
		if !it.waits && manner.Repeat == 0 {
			continue
		}
		it.told, it.newer = it.m, false
		it.told.Attempt = it.tries + 1
		if batch = append(batch, it); !manner.Together {
			break
		}
	}
	return r.receiver, batch, 0
}

// due returns the time of the next attempt, or the zero time if there is none.
func (r *Relay) due(manner notify.Manner, now time.Time) time.Time {
	if len(r.items) == 0 {
		return time.Time{}
	}
	due := now
	if !slices.ContainsFunc(r.items, func(it *item) bool { return it.waits }) {
		due = r.round.Add(manner.Repeat)
	}
	if due.Before(r.quiet) {
		due = r.quiet
	}
	return due
}

// settle processes the result of an attempt, and returns the result for each message.
func (r *Relay) settle(batch []*item, now time.Time, err error) (results []Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	manner := r.receiver.Manner()
	wait, final := r.learn(manner, err)
	r.quiet, r.round = now.Add(wait), now
	for _, it := range batch {
		result := Result{Message: it.told, At: now, Err: err, Tries: it.told.Attempt, Repeat: !it.waits || it.known}
		if err == nil {
			r.taken(it, manner)
		} else {
			result.GivenUp = r.failed(it, now, now.Add(wait), final)
		}
		results = append(results, result)
	}
	return results
}

// failed records that the receiver did not accept a message. It returns true if the message is dropped. A failed
// repeat is retried like a new message.
func (r *Relay) failed(it *item, now, again time.Time, final bool) (givenUp bool) {
	if !it.waits {
		it.waits, it.since, it.known = true, now, true
	}
	if it.tries++; it.newer && it.m.Stage == notify.End {
		it.tries = 0
	}
	if it.newer || it.m.Keep || !final && again.Sub(it.since) <= patience {
		return false
	}
	r.drop(it)
	return true
}

// learn returns how long to wait after an attempt, and whether the refusal is permanent.
func (r *Relay) learn(manner notify.Manner, err error) (wait time.Duration, final bool) {
	if err == nil {
		r.failures = 0
		return manner.Pause, false
	}
	backoff := min(firstBackoff<<min(r.failures, 10), maxBackoff)
	r.failures++
	if refusal, ok := errors.AsType[*notify.Refusal](err); ok {
		return max(backoff, min(refusal.After, patience)), refusal.Final
	}
	return backoff, false
}

// taken records that the receiver accepted a message.
func (r *Relay) taken(it *item, manner notify.Manner) {
	if it.newer {
		// The receiver knows the problem now. So send the newer message as a change or an end, and count its attempts
		// from 0.
		it.tries = 0
		if it.m.Stage == notify.Begin {
			it.m.Stage = notify.Change
		}
		if it.m.Before = ""; it.m.State != it.told.State {
			it.m.Before = it.told.State
		}
		return
	}
	if manner.Repeat == 0 {
		r.items = slices.DeleteFunc(r.items, func(other *item) bool { return other == it })
		return
	}
	if it.waits {
		it.waits, it.tries, it.left = false, 0, 0
		if it.m.Stage != notify.Begin {
			it.left = endRepeats
		}
		return
	}
	if it.left--; it.left > 0 {
		return
	}
	if it.m.Stage == notify.End {
		r.items = slices.DeleteFunc(r.items, func(other *item) bool { return other == it })
	}
	it.m.Before = ""
}

// yield moves the message whose field Keep is true behind the other messages. It is never dropped and may fail for a
// long time, so the other messages are sent first.
func (r *Relay) yield() {
	slices.SortStableFunc(r.items, func(a, b *item) int {
		switch {
		case a.m.Keep == b.m.Keep:
			return 0
		case a.m.Keep:
			return 1
		}
		return -1
	})
}
