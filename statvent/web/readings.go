package web

import (
	"sync"
	"time"

	"github.com/statsd-ops/statsd/statvent/pipes"
)

// reading is one reading of all pipes.
type reading struct {
	result *pipes.Result
	at     time.Time
	err    error
}

// readings runs one reading at a time, for any number of requests. All requests that arrive during a reading
// share the next reading. No request gets a reading that started before the request.
type readings struct {
	mu      sync.Mutex
	begun   *shared // the latest reading that has started
	waiting *shared // the next reading, if a request is waiting for it
}

type shared struct {
	done chan struct{}
	reading
}

func (r *readings) next(read func() reading) reading {
	r.mu.Lock()
	before, s := r.begun, r.waiting
	if s != nil {
		r.mu.Unlock()
		<-s.done
		return s.reading
	}
	s = &shared{done: make(chan struct{})}
	r.waiting = s
	r.mu.Unlock()

	defer close(s.done)
	if before != nil {
		<-before.done
	}
	r.mu.Lock()
	r.begun, r.waiting = s, nil
	r.mu.Unlock()
	s.reading = read()
	return s.reading
}
