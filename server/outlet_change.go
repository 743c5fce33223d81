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
	o.giveUp()
	close(o.ended)
}

// retire ends an outlet whose sink is no longer wanted: it may deliver what it
// has until grace is over.
func (o *outlet) retire(grace time.Duration) {
	o.log.Info().Stringer("grace", grace).Msg("the sink was removed: delivering what it was offered")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retired = true
	o.giveUpAt = time.AfterFunc(grace, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.retired {
			o.ending = true
			o.changed.Broadcast()
			o.cancel()
		}
	})
	o.changed.Broadcast()
	select {
	case o.hurry <- struct{}{}:
	default:
	}
}

// revive lets a retired outlet go on as if nothing had been. It reports whether the
// outlet goes on, unless it is ending already, and whether it was retired.
func (o *outlet) revive() (alive, revived bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending || !o.retired {
		return !o.ending, false
	}
	o.retired = false
	o.giveUpAt.Stop()
	o.log.Info().Msg("the sink is wanted again")
	return true, true
}

// giveUp counts what an outlet that was retired leaves behind in memory, and lets
// go of it.
func (o *outlet) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.retired {
		return
	}
	for _, p := range o.queue {
		o.state.reasons.removed += uint64(p.points)
	}
	o.queue, o.bytes, o.spare = nil, 0, nil
}

// takeOver makes o go on with the figures of an outlet of the same name that has
// ended.
func (o *outlet) takeOver(before *outlet) {
	was := before.look()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.errors = was.errors
	o.state.ledger = was.ledger
	// What it left on disk was found again, or else is lost.
	found := min(o.stored.Recovered, was.spooled)
	o.state.recovered -= found
	o.state.reasons.damaged += was.spooled - found
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
