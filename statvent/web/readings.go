package web

import (
	"sync"
	"time"

	"github.com/statsd-ops/statsd/statvent/pipes"
)

// reading is one look at all pipes.
type reading struct {
	result *pipes.Result
	at     time.Time
	err    error
}

// readings lets there be one reading at a time, however many ask: who asks
// during a reading shares the next with all others who do. It never gets one
// that began before it asked.
type readings struct {
	mu      sync.Mutex
	begun   *shared // the last that began
	waiting *shared // the one after it, if somebody waits for that
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
