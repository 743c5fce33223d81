package server

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/spool"
)

const (
	// payloadBytes is about how much is given to a sink at once, and so what
	// can come twice when a connection breaks.
	payloadBytes = 1 << 20
	// maxPoint is more than an encoded point takes, whose name may have 64 KiB.
	maxPoint = 80 << 10
	// readyBytes is how much of a flush is encoded ahead of what was sent,
	// while the sink takes what it is given.
	readyBytes = 4 << 20
	// mostOffered is how many snapshots may wait to be encoded.
	mostOffered = 4
)

// outlet brings snapshots to one sink. Its encoder makes payloads of them, its
// sender sends these in order, and again until they are taken. Offering never
// waits: neither intake nor flush nor another sink feels a slow one.
//
// Payloads wait in memory, or, once the sink is not prompt, on disk. What is on
// disk is always older than what is in memory.
type outlet struct {
	name   string
	spool  *spool.Spool // nil: everything waits in memory
	log    zerolog.Logger
	cancel context.CancelFunc // ends sending

	// disk is held while a payload goes to the spool or leaves it, until the
	// state says so too. It comes before mu.
	disk sync.Mutex

	mu         sync.Mutex
	sink       sink.Sink
	wanted     NamedSink // what sink is, or will be after the send at hand
	most       int       // bytes that may wait in memory
	spoolAfter time.Duration
	replayRate float64 // points per second from the spool

	changed  *sync.Cond // for each change of what follows
	offered  []*aggregate.Snapshot
	encoding int        // points of the snapshot at hand that are not queued yet
	queue    []*payload // in memory, the oldest first
	bytes    int        // of the queue
	sending  *payload   // what is being sent, if it came from the queue
	stored   spool.Stats
	// writeError and readError are what the disk said last, nil when it works.
	writeError, readError error
	retired               bool          // nothing more will be offered, unless the outlet is revived
	giveUpAt              *time.Timer   // of a retired one
	ending                bool          // nothing more will be offered
	hurry                 chan struct{} // told, if it listens, not to wait for the next try
	encoded               chan struct{} // closed when the encoder has ended
	ended                 chan struct{} // closed when run returns
	cutOff                bool          // the grace period is over
	spare                 [][]byte      // buffers of delivered payloads
	pace                  float64       // points per second that flushes make
	state                 outletState
}

// payload is encoded points.
type payload struct {
	data    []byte
	points  int
	flush   int64 // the time of the snapshot they belong to
	spooled bool  // it has left the queue for the spool
	storing bool  // it is on its way there
}

// outletState is what is known of an outlet from outside.
type outletState struct {
	ledger
	failing      bool // the last attempt failed, and what it was about waits
	failingSince time.Time
	lastError    error
	errors       publishErrors
	failed       time.Time // when an attempt failed last
	published    time.Time // when a payload was last delivered
	last         sent      // of its flush, until then
	oldest       int64     // Unix seconds of the oldest flush that waits, 0 if none does
	spoolFault   error     // why the spool cannot be used
	spoolBytes   int64
	spoolMax     int64
}

// sent is what was sent of a flush.
type sent struct {
	flush int64
	spent time.Duration // failed attempts included
	bytes int
}

// ledger counts points since the start:
//
//	made + recovered = delivered + queued + spooled + dropped
type ledger struct {
	made      uint64 // by flushes
	recovered uint64 // found in the spool at the start
	delivered uint64
	queued    uint64 // in memory
	spooled   uint64 // on disk
	dropped   uint64 // the sum of reasons
	reasons   dropReasons
}

// waiting returns the points that are undelivered, and not given up.
func (l ledger) waiting() uint64 { return l.queued + l.spooled }

// dropReasons says why points were dropped.
type dropReasons struct {
	full       uint64 // the oldest, when memory or the spool was full
	damaged    uint64 // lost on disk
	unsendable uint64 // the sink's format cannot carry them
	removed    uint64 // the sink was removed while they waited in memory
}

// publishErrors counts failed attempts to send, and the flushes they were of.
type publishErrors struct {
	socket, unknown, flushes uint64
	lastFlush                int64
}

// newOutlet returns the outlet for a sink, with its own spool if there is a
// directory for them.
func newOutlet(n NamedSink, cfg *Config) (*outlet, error) {
	o := &outlet{
		name:    n.Name,
		sink:    n.Sink,
		wanted:  n,
		log:     cfg.Log.With().Str("sink", n.Name).Logger(),
		hurry:   make(chan struct{}, 1),
		encoded: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	o.changed = sync.NewCond(&o.mu)
	o.tune(cfg)
	return o, o.openSpool(cfg)
}

// tune takes over the settings that all outlets share.
func (o *outlet) tune(cfg *Config) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.most = cfg.QueueBytes
	o.spoolAfter = cfg.SpoolAfter
	o.replayRate = float64(cfg.ReplayRate)
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
	for _, p := range o.queue {
		st.queued += uint64(p.points)
	}
	st.recovered += o.stored.Recovered
	st.delivered += o.stored.Advanced
	st.spooled = uint64(o.stored.Points)
	st.reasons.full += o.stored.Dropped
	st.reasons.damaged += o.stored.Lost
	st.spoolFault, st.spoolBytes = cmp.Or(o.stored.Fault, o.writeError, o.readError), o.stored.Bytes
	switch {
	case len(o.queue) > 0:
		st.oldest = o.queue[0].flush
	case len(o.offered) > 0:
		st.oldest = o.offered[0].Time
	}
	st.dropped = st.reasons.full + st.reasons.damaged + st.reasons.unsendable + st.reasons.removed
	return st
}

// offer gives the outlet a snapshot to send.
func (o *outlet) offer(sn *aggregate.Snapshot, interval time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.made += uint64(sn.Len())
	o.pace = float64(sn.Len()) / interval.Seconds()
	if len(o.offered) == mostOffered {
		o.state.reasons.full += uint64(o.offered[0].Len())
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
	defer close(o.encoded)
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
	o.mu.Lock()
	sink := o.sink
	o.mu.Unlock()
	p := &payload{data: o.buffer(), flush: sn.Time}
	unsendable := 0
	for point := range sn.Points() {
		before := len(p.data)
		p.data = sink.AppendPoint(p.data, point)
		if len(p.data) == before {
			unsendable++
			continue
		}
		p.points++
		if len(p.data) >= payloadBytes-maxPoint {
			o.push(p)
			p = &payload{data: o.buffer(), flush: sn.Time}
		}
	}
	o.push(p)
	o.mu.Lock()
	o.encoding -= unsendable
	o.state.reasons.unsendable += uint64(unsendable)
	o.changed.Broadcast()
	o.mu.Unlock()
}

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

// push queues a payload. While the sink takes what it is given, and no other
// snapshot waits, push waits for room; otherwise what does not fit goes to the
// spool, or the oldest makes room.
func (o *outlet) push(p *payload) {
	if p.points == 0 {
		return
	}
	o.mu.Lock()
	for o.bytes >= readyBytes && o.prompt() && len(o.offered) == 0 && !o.cutOff {
		o.changed.Wait()
	}
	o.queue = append(o.queue, p)
	o.bytes += len(p.data)
	o.encoding -= p.points
	behind := o.bytes > readyBytes
	prompt := o.prompt()
	o.changed.Broadcast()
	o.mu.Unlock()
	if behind || !prompt {
		o.spill()
	}
	o.makeRoom()
}

// prompt reports whether the sink takes what it is given.
func (o *outlet) prompt() bool { return !o.state.failing && o.stored.Records == 0 }

// makeRoom drops the oldest payloads until the rest may stay in memory.
func (o *outlet) makeRoom() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := 0; o.bytes > o.most && i < len(o.queue)-1; {
		p := o.queue[i]
		if p == o.sending || p.storing {
			i++
			continue
		}
		o.state.reasons.full += uint64(p.points)
		o.remove(p)
	}
}

// remove takes a payload out of the queue.
func (o *outlet) remove(p *payload) {
	if i := slices.Index(o.queue, p); i >= 0 {
		o.queue = slices.Delete(o.queue, i, i+1)
		o.bytes -= len(p.data)
	}
}
