package server

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/sink"
)

const (
	// payloadBytes is about how much is given to a sink at once, and so what
	// can come twice when a connection breaks.
	payloadBytes = 1 << 20
	// readyBytes is how much of a flush is encoded ahead of what was sent,
	// while the sink takes what it is given.
	readyBytes = 4 << 20
	// mostOffered is how many snapshots may wait to be encoded.
	mostOffered = 4

	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	jitter     = 0.2
)

// outlet brings snapshots to one sink. Its encoder makes payloads of them, its
// sender sends these in order and again until they are taken. Offering
// never waits: neither intake nor flush nor another sink feels a slow one.
type outlet struct {
	name string
	sink sink.Sink
	most int // bytes that may be queued
	log  zerolog.Logger

	mu       sync.Mutex
	changed  *sync.Cond // for each change of what follows
	offered  []*aggregate.Snapshot
	encoding int       // points of the snapshot at hand that are not queued yet
	queue    []payload // the oldest first; the first is being sent
	bytes    int       // of the queue
	ending   bool      // nothing more will be offered
	cutOff   bool      // the grace period is over
	spare    [][]byte  // buffers of delivered payloads
	state    outletState
}

// payload is encoded points.
type payload struct {
	data   []byte
	points int
	flush  int64 // the time of the snapshot they belong to
	last   bool  // of that snapshot
}

// outletState is what is known of an outlet from outside.
type outletState struct {
	ledger
	failing      bool // the last attempt failed, and what it was about waits
	failingSince time.Time
	lastError    error
	errors       publishErrors
	published    time.Time     // when a flush was last delivered whole
	duration     time.Duration // how long that took to send
}

// ledger counts points since the start: made = delivered + queued + dropped.
type ledger struct {
	made, delivered, queued, dropped uint64
}

// publishErrors counts failed attempts to send, and the flushes they were of.
type publishErrors struct {
	socket, unknown, flushes uint64
	lastFlush                int64
}

func newOutlet(name string, s sink.Sink, cfg *Config) *outlet {
	o := &outlet{name: name, sink: s, most: cfg.QueueBytes, log: cfg.Log.With().Str("sink", name).Logger()}
	o.changed = sync.NewCond(&o.mu)
	return o
}

// look returns the state as it is now.
func (o *outlet) look() outletState {
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.state
	st.queued = uint64(o.encoding)
	for _, sn := range o.offered {
		st.queued += uint64(sn.Len())
	}
	for i := range o.queue {
		st.queued += uint64(o.queue[i].points)
	}
	return st
}

// offer gives the outlet a snapshot to send.
func (o *outlet) offer(sn *aggregate.Snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.made += uint64(sn.Len())
	if len(o.offered) == mostOffered {
		o.state.dropped += uint64(o.offered[0].Len())
		o.offered = slices.Delete(o.offered, 0, 1)
	}
	o.offered = append(o.offered, sn)
	o.changed.Broadcast()
}

// end says that nothing more will be offered.
func (o *outlet) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ending = true
	o.changed.Broadcast()
}

// encode turns snapshots into payloads until there are no more.
func (o *outlet) encode() {
	for {
		o.mu.Lock()
		for len(o.offered) == 0 && !o.ending {
			o.changed.Wait()
		}
		if len(o.offered) == 0 {
			o.mu.Unlock()
			return
		}
		sn := o.offered[0]
		o.offered = slices.Delete(o.offered, 0, 1)
		o.encoding = sn.Len()
		o.mu.Unlock()
		o.encodeSnapshot(sn)
	}
}

func (o *outlet) encodeSnapshot(sn *aggregate.Snapshot) {
	p := payload{data: o.buffer(), flush: sn.Time}
	unsendable := 0
	for point := range sn.Points() {
		before := len(p.data)
		p.data = o.sink.AppendPoint(p.data, point)
		if len(p.data) == before {
			unsendable++
			continue
		}
		p.points++
		if len(p.data) >= payloadBytes-maxPoint {
			o.push(p)
			p = payload{data: o.buffer(), flush: sn.Time}
		}
	}
	p.last = true
	o.push(p)
	o.mu.Lock()
	o.encoding -= unsendable
	o.state.dropped += uint64(unsendable)
	o.mu.Unlock()
}

// maxPoint is more than an encoded point takes.
const maxPoint = 2 << 10

// buffer returns an empty buffer for a payload.
func (o *outlet) buffer() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.spare); n > 0 {
		b := o.spare[n-1]
		o.spare = o.spare[:n-1]
		return b[:0]
	}
	return nil
}

// push queues a payload. While the sink takes what it is given, and no
// other snapshot waits, push does so too; otherwise the oldest payloads make room.
func (o *outlet) push(p payload) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes >= readyBytes && !o.state.failing && len(o.offered) == 0 && !o.cutOff {
		o.changed.Wait()
	}
	for o.bytes+len(p.data) > o.most && len(o.queue) > 1 {
		// The first is being sent; the second is the oldest that is not.
		o.state.dropped += uint64(o.queue[1].points)
		o.bytes -= len(o.queue[1].data)
		o.queue = slices.Delete(o.queue, 1, 2)
	}
	o.queue = append(o.queue, p)
	o.bytes += len(p.data)
	o.encoding -= p.points
	o.changed.Broadcast()
}

// send sends payloads until there are no more, or ctx ends.
func (o *outlet) send(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		o.mu.Lock()
		o.cutOff = true
		o.changed.Broadcast()
		o.mu.Unlock()
	})()
	var spent time.Duration // on the flush being sent
	retry := firstRetry
	for {
		p, ok := o.first()
		if !ok {
			return
		}
		start := time.Now()
		err := o.sink.Send(ctx, p.data)
		spent += time.Since(start)
		if err != nil {
			o.failed(ctx, p, err)
			if !sleep(ctx, time.Duration(float64(retry)*(1+jitter*(2*rand.Float64()-1)))) {
				return
			}
			retry = min(2*retry, lastRetry)
			continue
		}
		retry = firstRetry
		o.delivered(p, spent)
		if p.last {
			spent = 0
		}
	}
}

// first waits for a payload, and returns the oldest. It stays in the queue
// until it is delivered.
func (o *outlet) first() (payload, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 && !o.cutOff {
		if o.ending && len(o.offered) == 0 && o.encoding == 0 {
			return payload{}, false
		}
		o.changed.Wait()
	}
	if o.cutOff {
		return payload{}, false
	}
	return o.queue[0], true
}

func (o *outlet) failed(ctx context.Context, p payload, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
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
	st.lastError = err
	if !st.failing && ctx.Err() == nil {
		st.failing, st.failingSince = true, time.Now()
		o.log.Error().Err(err).Int("points", p.points).Msg("publishing failed; trying again until it works")
	}
	o.changed.Broadcast()
}

func (o *outlet) delivered(p payload, spent time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	st := &o.state
	st.delivered += uint64(p.points)
	o.queue = slices.Delete(o.queue, 0, 1)
	o.bytes -= len(p.data)
	if len(o.spare) <= readyBytes/payloadBytes {
		o.spare = append(o.spare, p.data)
	}
	if st.failing {
		st.failing = false
		o.log.Warn().Stringer("after", time.Since(st.failingSince).Round(time.Millisecond)).Msg("publishing works again")
	}
	if p.last {
		st.published, st.duration = time.Now(), spent
	}
	o.changed.Broadcast()
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
