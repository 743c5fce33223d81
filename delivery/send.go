package delivery

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/sink"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	// lastForwardRetry replaces lastRetry for destinations that forward. The servers of a cluster elect a new leader within
	// seconds, and owners wait for the rows.
	lastForwardRetry = time.Second
	jitter           = 0.2
	// diskPause is the pause after a failed read from the spool.
	diskPause = time.Second
)

// send sends payloads until the outlet is exhausted or ctx ends. It then moves the remaining
// payloads to the spool.
func (o *outlet) send(ctx context.Context) {
	defer o.spill()
	defer context.AfterFunc(ctx, o.cut)()
	pause := o.pauses(ctx)
	var now Sent
	retry, last := firstRetry, o.longestRetry()
	for p := o.next(ctx); p != nil; p = o.next(ctx) {
		if p.flush != now.Flush {
			now = Sent{Flush: p.flush}
		}
		start := time.Now()
		err := o.sendOne(ctx, p)
		now.Spent += time.Since(start)
		if o.note(ctx, p, err, &now) {
			retry = firstRetry
			if p.spooled {
				pause(o.replayTime(p) - time.Since(start))
			}
			continue
		}
		o.spill()
		wait := max(asked(err), pauseAfter(retry, time.Since(start)))
		o.change(func() { o.sent.nextTry = time.Now().Add(wait) })
		if pause(wait) {
			retry = firstRetry / 2
		}
		retry = min(2*retry, last)
	}
}

// longestRetry returns the maximum time between the starts of two attempts.
func (o *outlet) longestRetry() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wanted.Forwards {
		return lastForwardRetry
	}
	return lastRetry
}

// pauseAfter returns the pause after a failed attempt. The parameter took is the duration of the attempt, and retry
// is the time between the starts of two attempts. So the pause is short after an attempt that waited long for an
// answer. Jitter spreads the attempts of many daemons.
func pauseAfter(retry, took time.Duration) time.Duration {
	spread := 1 + jitter*(2*rand.Float64()-1)
	return time.Duration(spread * float64(max(retry-took, firstRetry)))
}

// asked returns the pause that the receiver asked for, or 0 if it did not ask.
func asked(err error) time.Duration {
	if later, ok := errors.AsType[*sink.Later](err); ok {
		return min(later.After, sink.MaxLater)
	}
	return 0
}

// pauses returns a function that pauses for a duration, or until ctx ends. At shutdown the pause ends early when the
// outlet's last batch is encoded. It also ends early when a reload removes the sink. In both cases the function returns
// true: the sender must deliver its queue while there is time.
func (o *outlet) pauses(ctx context.Context) func(time.Duration) (last bool) {
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
		case <-o.nudge:
			return true
		}
		return false
	}
}

// sendOne sends a payload. If the send takes too long, the queue is moved to the spool during the
// send.
func (o *outlet) sendOne(ctx context.Context, p *payload) error {
	s, patience := o.current()
	if o.spool != nil {
		late := time.AfterFunc(patience, o.spill)
		defer late.Stop()
	}
	defer o.cpu.Start()()
	return s.Send(ctx, p.data)
}

const (
	// Payloads from the spool are sent at least replayFactor times as fast as new points are made, so
	// that the spool becomes empty.
	replayFactor = 2
	// forwardFactor replaces replayFactor for destinations that forward. It is larger because owners
	// do not merge rows that are too old.
	forwardFactor = 25
)

// replayTime returns how long it should take to send a payload from the spool. It uses the
// configured rate, or a higher rate if flushes make many points.
func (o *outlet) replayTime(p *payload) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	factor := replayFactor
	if o.wanted.Forwards {
		factor = forwardFactor
	}
	if o.ahead && p.flush == o.newest {
		return 0 // this payload is from the latest flush: there is no backlog, although it is in the spool
	}
	return time.Duration(float64(p.units) / max(o.replayRate, float64(factor)*o.pace) * float64(time.Second))
}

// next waits until a payload is queued, and returns the oldest one. It returns nil when the outlet
// is exhausted.
func (o *outlet) next(ctx context.Context) *payload {
	for {
		if o.done() {
			return nil
		}
		p, err := o.fromSpool()
		if p != nil {
			return p
		}
		o.mu.Lock()
		for !o.exhausted() && len(o.waiting) == 0 && o.stored.Records == 0 {
			o.changed.Wait()
		}
		if !o.exhausted() && len(o.waiting) > 0 && (o.stored.Records == 0 || err != nil) {
			p = o.waiting[0]
			o.sending = p
		}
		o.mu.Unlock()
		if p != nil {
			return p
		}
		if err != nil && !o.done() && !clock.Sleep(ctx, diskPause) {
			return nil
		}
	}
}

// done reports whether the outlet is exhausted. If it is, done also ends the outlet.
func (o *outlet) done() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.exhausted() {
		return false
	}
	o.finish()
	return true
}

// tellUnconfirmed is the number of consecutive unconfirmed attempts after which a log message
// explains the problem.
const tellUnconfirmed = 2

// note stores the result of an attempt. It reports whether the payload is settled, which means that
// it need not be sent again.
func (o *outlet) note(ctx context.Context, p *payload, err error, now *Sent) (settled bool) {
	if err != nil && ctx.Err() != nil {
		o.change(func() { o.sending = nil })
		return false // the attempt ended because ctx ended, not because the sink failed
	}
	refused := 0 // points or rows that the receiver refused
	if final, ok := errors.AsType[*sink.Refused](err); ok {
		if refused = final.Units; refused <= 0 || refused > p.units {
			refused = p.units
		}
	}
	if err != nil {
		o.change(func() { o.noteFailure(p, err, refused) })
	}
	if err != nil && refused == 0 {
		return false
	}
	o.settlePayload(p, now, refused)
	return true
}

// noteFailure stores a failed attempt. The caller holds mu.
func (o *outlet) noteFailure(p *payload, err error, refused int) {
	st := &o.sent
	st.attempts.failed(p.flush, err)
	st.lastError, st.failed = err, time.Now()
	st.tries++
	o.noteUnconfirmed(err)
	if refused > 0 {
		o.tellRefused(err, refused)
		return
	}
	o.sending = nil
	if !o.failing {
		o.failing, st.failingSince, st.droppedBefore = true, time.Now(), o.sums().Dropped
		o.log.Error().Err(err).Int(o.unit, p.units).Msgf("%s failed; retrying until it works", o.wanted.doing())
	}
}

// tellRefusedEvery is the minimum time between two log messages about refused points.
const tellRefusedEvery = time.Minute

// tellRefused logs the number of refused points. It logs the first refusal at once. It then logs at most once in
// tellRefusedEvery, with the sum of the refused points since the last message. The caller holds mu.
func (o *outlet) tellRefused(err error, refused int) {
	st := &o.sent
	st.untold += refused
	if now := time.Now(); now.Sub(st.toldRefused) >= tellRefusedEvery {
		o.log.Error().Err(err).Int(o.unit, st.untold).Msgf("the receiver refuses %s permanently: the refused %s are dropped", o.unit, o.unit)
		st.toldRefused, st.untold = now, 0
	}
}

// noteUnconfirmed counts consecutive unconfirmed attempts, and logs an explanation. The caller
// holds mu.
func (o *outlet) noteUnconfirmed(err error) {
	if _, unconfirmed := errors.AsType[*sink.Unconfirmed](err); !unconfirmed {
		o.sent.unconfirmed = 0
		return
	}
	if o.sent.unconfirmed++; o.sent.unconfirmed == tellUnconfirmed {
		o.log.Error().Err(err).Msg("the receiver acknowledges every byte and then resets each connection, so the same points are sent again; " +
			"the receiver may be a proxy whose server is down; if the receiver always closes connections this way, set keep-open for this sink: then acknowledged points count as delivered")
	}
}

// settlePayload removes a sent payload from the queue. refused is the number of its units that the
// receiver refused. The receiver has accepted all other units.
func (o *outlet) settlePayload(p *payload, now *Sent, refused int) {
	o.mu.Lock()
	for p.storing {
		o.changed.Wait()
	}
	o.sending = nil
	st, onDisk := &o.sent, p.spooled
	if !onDisk {
		o.remove(p)
		o.recycle(p.data)
		o.ledger.Reasons.Refused += uint64(refused)
		o.ledger.Delivered += uint64(p.units - refused)
	}
	if refused < p.units {
		o.noteRecovery()
		now.Bytes += len(p.data)
		st.published, st.last, st.unconfirmed, st.tries = time.Now(), *now, 0, 0
	}
	o.changed.Broadcast()
	o.mu.Unlock()
	if onDisk {
		o.leaveSpool(p, refused)
	}
}

// noteRecovery logs that the sink works again after failures. The caller holds mu.
func (o *outlet) noteRecovery() {
	if !o.failing {
		return
	}
	o.failing = false
	thing := strings.TrimSuffix(o.unit, "s")
	lost := "no " + thing + " was"
	if dropped := o.sums().Dropped - o.sent.droppedBefore; dropped > 0 {
		lost = plural.Were(dropped, thing)
	}
	o.log.Warn().Msgf("%s works again after %v; %s dropped", o.wanted.doing(), time.Since(o.sent.failingSince).Round(time.Millisecond), lost)
}
