package server

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	jitter     = 0.2
)

// send sends payloads until there are no more, or ctx ends. What is left then
// goes to the spool.
func (o *outlet) send(ctx context.Context) {
	defer o.spill()
	defer context.AfterFunc(ctx, func() {
		o.mu.Lock()
		o.cutOff = true
		o.changed.Broadcast()
		o.mu.Unlock()
	})()
	pause := o.pauses(ctx)
	var now sent
	retry := firstRetry
	for p := o.next(ctx); p != nil; p = o.next(ctx) {
		if p.flush != now.flush {
			now = sent{flush: p.flush}
		}
		start := time.Now()
		err := o.sendOne(ctx, p)
		now.spent += time.Since(start)
		switch {
		case err != nil:
			o.failed(ctx, p, err)
			o.spill()
			if pause(time.Duration(float64(retry) * (1 + jitter*(2*rand.Float64()-1)))) {
				retry = firstRetry / 2
			}
			retry = min(2*retry, lastRetry)
		case o.delivered(p, &now):
			retry = firstRetry
			pause(o.replayTime(p) - time.Since(start))
		default:
			retry = firstRetry
		}
	}
}

// pauses returns a function that waits, unless ctx ends. It does not wait beyond
// the moment when all is queued that ever will be, or the sink is retired, and
// reports that then: what is left is to be tried while there is time, or left to
// the next process.
func (o *outlet) pauses(ctx context.Context) func(time.Duration) (ending bool) {
	encoded := o.encoded
	return func(d time.Duration) bool {
		t := time.NewTimer(max(d, 0))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		case <-encoded:
			encoded = nil
			return true
		case <-o.hurry:
			return true
		}
		return false
	}
}

// sendOne sends a payload. When that takes longer than a prompt sink does, the
// queue goes to the spool meanwhile.
func (o *outlet) sendOne(ctx context.Context, p *payload) error {
	sink, patience := o.current()
	if o.spool != nil {
		late := time.AfterFunc(patience, o.spill)
		defer late.Stop()
	}
	return sink.Send(ctx, p.data)
}

// replayTime is how long a payload from the spool should take: the bounded
// rate, but always twice as fast as flushes make new points, or the backlog
// would never end.
func (o *outlet) replayTime(p *payload) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Duration(float64(p.points) / max(o.replayRate, 2*o.pace) * float64(time.Second))
}

// diskPause is how long a disk that cannot be read is left alone.
const diskPause = time.Second

// next waits for a payload, and returns the oldest: nil when there is none and
// there will be none, or when the rest is for the next process to send.
func (o *outlet) next(ctx context.Context) *payload {
	for {
		o.mu.Lock()
		over := o.over()
		o.mu.Unlock()
		if over {
			return nil
		}
		p, err := o.fromSpool()
		if p != nil {
			return p
		}
		o.mu.Lock()
		for !o.over() && len(o.queue) == 0 && o.stored.Records == 0 {
			o.changed.Wait()
		}
		if over = o.over(); !over && len(o.queue) > 0 && (o.stored.Records == 0 || err != nil) {
			p = o.queue[0]
			o.sending = p
		}
		o.mu.Unlock()
		if over || p != nil {
			return p
		}
		if err != nil && !sleep(ctx, diskPause) {
			return nil
		}
	}
}

// over reports whether nothing more is to be sent. A retired outlet has come to its
// end with that: it is too late to revive it.
func (o *outlet) over() bool {
	if o.cutOff {
		return true
	}
	if !o.ending && !o.retired || len(o.offered) > 0 || o.encoding > 0 {
		return false
	}
	leave := o.spool != nil && o.writeError == nil && o.readError == nil && o.state.failing
	if !leave && (len(o.queue) > 0 || o.stored.Records > 0) {
		return false
	}
	o.ending = true
	o.changed.Broadcast()
	return true
}

func (o *outlet) failed(ctx context.Context, p *payload, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sending = nil
	if ctx.Err() != nil {
		return // we gave up, not the sink
	}
	st := &o.state
	if isSocketError(err) {
		st.errors.socket++
	} else {
		st.errors.unknown++
	}
	if p.flush != st.errors.lastFlush {
		st.errors.lastFlush = p.flush
		st.errors.flushes++
	}
	st.lastError, st.failed = err, time.Now()
	if !st.failing {
		st.failing, st.failingSince = true, time.Now()
		o.log.Error().Err(err).Int("points", p.points).Msg("publishing failed; trying again until it works")
	}
	o.changed.Broadcast()
}

// delivered notes that a payload was taken. It reports whether that came from
// the spool.
func (o *outlet) delivered(p *payload, now *sent) (replayed bool) {
	o.mu.Lock()
	for p.storing {
		o.changed.Wait()
	}
	o.sending = nil
	st := &o.state
	replayed = p.spooled
	if !replayed {
		st.delivered += uint64(p.points)
		o.remove(p)
		if len(o.spare) <= readyBytes/payloadBytes {
			o.spare = append(o.spare, p.data)
		}
	}
	if st.failing {
		st.failing = false
		o.log.Warn().Stringer("after", time.Since(st.failingSince).Round(time.Millisecond)).Msg("publishing works again")
	}
	now.bytes += len(p.data)
	st.published, st.last = time.Now(), *now
	o.changed.Broadcast()
	o.mu.Unlock()
	if replayed {
		o.leaveSpool(p)
	}
	return replayed
}

// logLeft says at the end what was not delivered.
func (o *outlet) logLeft() {
	st := o.look()
	if st.queued > 0 {
		o.log.Error().Uint64("points", st.queued).AnErr("last_error", st.lastError).Msg("ended with points undelivered: they are lost (--spool-dir keeps them)")
	}
	if st.spooled > 0 {
		o.log.Warn().Uint64("points", st.spooled).AnErr("last_error", st.lastError).Msg("ended with points in the spool: the next start sends them")
	}
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
