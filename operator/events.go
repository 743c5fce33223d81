package operator

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// maxUnread is the number of events that can wait for a subscriber. If more events occur, the
// subscriber misses them.
const maxUnread = 16

// Events informs subscribers about flushes and changes of the daemon's health. It implements question.Events.
type Events struct {
	start string

	mu          sync.Mutex
	subscribers map[chan question.Event]bool
	told        uint64 // number of events so far
	flush       uint64 // number of the last flush
	reasons     string // the last health state and its reasons, as text
}

// NewEvents returns the Events of a daemon that started at the given time.
func NewEvents(started time.Time) *Events {
	return &Events{start: fmt.Sprintf("%x", started.UnixNano()), subscribers: map[chan question.Event]bool{}}
}

// Subscribe implements question.Events.
func (e *Events) Subscribe() (<-chan question.Event, func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := make(chan question.Event, maxUnread)
	e.subscribers[c] = true
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.subscribers, c)
	}
}

// Flushed informs subscribers about a flush.
func (e *Events) Flushed(number uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flush = number
	e.tell("flush")
}

// Health informs subscribers about the daemon's health h if its state or its active reasons have changed since the last
// call.
func (e *Events) Health(h meta.Health) {
	var b strings.Builder
	fmt.Fprint(&b, h.State)
	for i := range h.Reasons {
		fmt.Fprintf(&b, "\n%s %s %d", h.Reasons[i].ID, h.Reasons[i].Subject, h.Reasons[i].State)
	}
	reasons := b.String()
	e.mu.Lock()
	defer e.mu.Unlock()
	if reasons != e.reasons {
		e.reasons = reasons
		e.tell("health")
	}
}

// Stamp returns a text that changes with each event, and differs between processes.
func (e *Events) Stamp() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprintf("%s-%d", e.start, e.told)
}

func (e *Events) tell(kind string) {
	e.told++
	for c := range e.subscribers {
		select {
		case c <- question.Event{Kind: kind, Number: e.flush, At: time.Now()}:
		default:
		}
	}
}
