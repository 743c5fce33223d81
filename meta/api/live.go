package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/plainjson"
	"github.com/statsd-ops/statsd/meta/question"
)

const (
	statusEvery = time.Second
	// maxMissed is the number of flushes that are kept for clients that reconnect.
	maxMissed = 6
	// maxPending is the maximum number of events that wait for a reader. If there are more, the reader
	// misses some.
	maxPending = 16
)

// live makes the events of the path live. All readers share the events. After the last reader has left, the goroutine
// of live runs for maxMissed more flushes, and keeps their events for readers that reconnect. Then it drops the events,
// and ends.
type live struct {
	api            *API
	status, health *question.Question // health is nil if there is no query named health
	ctx            context.Context    // ends when the API is closed
	running        sync.WaitGroup
	join           chan struct{} // wakes the goroutine when a new reader comes

	mu      sync.Mutex
	started bool // the goroutine is running
	readers map[*reader]bool
	number  uint64   // number of the last flush that was sent to readers
	last    []byte   // the last event with the status
	recent  []missed // oldest first
	idle    int      // number of flushes since the last reader left
}

// missed is the event of a flush. It is kept for readers that reconnect.
type missed struct {
	number uint64
	text   []byte
}

type reader struct{ events chan []byte }

func newLive(ctx context.Context, a *API, status *question.Question) *live {
	l := &live{api: a, status: status, ctx: ctx, join: make(chan struct{}, 1), readers: map[*reader]bool{}}
	if health := a.paths["health"]; health != nil {
		l.health = health.question
	}
	return l
}

// serveLive answers the path live.
func (a *API) serveLive(w http.ResponseWriter, r *http.Request) {
	if given, err := fromQuery(r.URL.RawQuery); err != nil {
		a.fail(w, err)
		return
	} else if _, err := question.Check(nil, given); err != nil {
		a.fail(w, err)
		return
	}
	a.stream(w, r, func(ctx context.Context, s *stream) {
		me, first := a.live.enter(r.Header.Get("Last-Event-ID"))
		defer a.live.leave(me)
		for err := s.write(first); err == nil; {
			select {
			case text := <-me.events:
				err = s.write(text)
			case <-ctx.Done():
				return
			}
		}
	})
}

// enter adds a reader. It returns the first events for the reader: the flushes that it has missed
// since it was last connected, and the current status.
func (l *live) enter(lastID string) (*reader, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, first := &reader{make(chan []byte, maxPending)}, []byte{}
	if seen, err := strconv.ParseUint(lastID, 10, 64); err == nil {
		for _, m := range l.recent {
			if m.number > seen {
				first = append(first, m.text...)
			}
		}
	}
	if len(l.readers) > 0 {
		first = append(first, l.last...)
	}
	l.readers[r] = true
	if !l.started {
		l.started = true
		l.running.Go(l.run)
	}
	select {
	case l.join <- struct{}{}:
	default:
	}
	return r, first
}

func (l *live) leave(r *reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.readers, r)
}

// run makes events. It returns after maxMissed flushes without readers.
func (l *live) run() {
	events, unsubscribe := l.api.cfg.Events.Subscribe()
	defer unsubscribe()
	timer := time.NewTimer(statusEvery)
	defer timer.Stop()
	for {
		select {
		case <-l.join:
			timer.Reset(0)
		case <-timer.C:
			if l.watched() { // the timer runs only while there are readers
				l.tellStatus()
				timer.Reset(statusEvery)
			}
		case e := <-events:
			l.note(e)
			if e.Kind == "flush" && l.over() {
				return
			}
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *live) watched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.readers) > 0
}

// over reports whether the goroutine should end. It is called after each flush.
func (l *live) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle++; len(l.readers) > 0 {
		l.idle = 0
	}
	if l.idle < maxMissed {
		return false
	}
	l.started, l.idle, l.recent = false, 0, nil
	return true
}

// tellStatus sends the current status to all readers.
func (l *live) tellStatus() {
	data := l.ask(l.status)
	l.mu.Lock()
	defer l.mu.Unlock()
	if data != nil {
		l.last = event("status", l.id(), data)
		l.tell(l.last)
	}
}

// note sends an event of the daemon to all readers. The data of a flush event is the daemon's status. The data of a
// health event is the daemon's new health.
func (l *live) note(e question.Event) {
	q := l.status
	if e.Kind == "health" {
		q = l.health
	}
	if q == nil {
		return
	}
	data := l.ask(q)
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind == "flush" {
		l.number = e.Number
	}
	if data == nil {
		return
	}
	text := event(e.Kind, l.id(), data)
	if e.Kind == "flush" {
		if len(l.recent) == maxMissed {
			l.recent = slices.Delete(l.recent, 0, 1)
		}
		l.recent = append(l.recent, missed{e.Number, text})
	}
	l.tell(text)
}

// id returns the id for an event that is sent now: the number of the last flush that was sent to readers, or "" if
// there was none.
func (l *live) id() string {
	if l.number == 0 {
		return ""
	}
	return strconv.FormatUint(l.number, 10)
}

// ask answers a query in one line. It returns nil if there is an error.
func (l *live) ask(q *question.Question) []byte {
	ctx, cancel := context.WithTimeout(l.ctx, question.AnswerTime)
	defer cancel()
	args, err := question.Check(q.Parameters, nil)
	var answer question.Answer
	if err == nil {
		answer, err = q.Ask(ctx, args)
	}
	if err != nil {
		if l.ctx.Err() == nil {
			l.api.cfg.ErrorLog.Printf("the api cannot send the %s: %v", q.Name, err)
		}
		return nil
	}
	return plainjson.Encode(frame{1, answer})
}

// tell sends an event to all readers whose channel is not full.
func (l *live) tell(text []byte) {
	for r := range l.readers {
		select {
		case r.events <- text:
		default:
		}
	}
}
