package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/sink"
)

// run encodes and sends until the outlet was ended and nothing is left that can
// be sent, or ctx ends. What is left then goes to the spool.
func (o *outlet) run(ctx context.Context) {
	var encoding sync.WaitGroup
	encoding.Go(o.encode)
	o.send(ctx)
	encoding.Wait()
	o.spill() // what was encoded after the last send
	closeSink(o.sink, &o.log)
	o.logLeft()
	if err := o.closeSpool(); err != nil {
		o.log.Error().Err(err).Msg("closing the spool failed")
	}
}

// retire ends an outlet whose sink is no longer wanted: it may deliver what it
// has until grace is over.
func (o *outlet) retire(grace time.Duration) {
	o.log.Info().Stringer("grace", grace).Msg("the sink was removed: delivering what it was offered")
	o.end()
	time.AfterFunc(grace, o.cancel)
}

// replace lets another sink of the same kind take over all that waits, once the
// send at hand is over.
func (o *outlet) replace(n NamedSink) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wanted = n
}

// current returns the sink to send to, and how long a prompt one takes at most.
// It is for the sending goroutine.
func (o *outlet) current() (sink.Sink, time.Duration) {
	o.mu.Lock()
	before := o.sink
	o.sink = o.wanted.Sink
	now, patience := o.sink, o.spoolAfter
	o.mu.Unlock()
	if now != before {
		o.log.Info().Msg("the sink's settings have changed: sending to the new one from now on")
		closeSink(before, &o.log)
	}
	return now, patience
}

func closeSink(s sink.Sink, log *zerolog.Logger) {
	if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		log.Warn().Err(err).Msg("closing the sink failed")
	}
}
