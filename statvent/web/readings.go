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
	running sync.Mutex // held while reading

	mu      sync.Mutex
	waiting *shared // the next reading, if somebody waits for it
}

type shared struct {
	done chan struct{}
	reading
}

func (r *readings) next(read func() reading) reading {
	r.mu.Lock()
	s := r.waiting
	if s != nil {
		r.mu.Unlock()
		<-s.done
		return s.reading
	}
	s = &shared{done: make(chan struct{})}
	r.waiting = s
	r.mu.Unlock()

	r.running.Lock()
	defer r.running.Unlock()
	r.mu.Lock()
	r.waiting = nil
	r.mu.Unlock()
	defer close(s.done)
	s.reading = read()
	return s.reading
}
