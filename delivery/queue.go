package delivery

import (
	"context"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/spool"
)

const (
	// payloadBytes is about the size of one send. When a connection breaks, this many bytes can arrive twice.
	payloadBytes = 1 << 20
	// readyBytes limits how far encoding runs ahead of sending, while the sink takes its payloads.
	readyBytes = 4 << 20
)

// payload holds encoded units of one flush. The queue does not know what a unit is.
type payload struct {
	data    []byte
	units   int
	flush   int64 // time of its flush in Unix seconds
	since   int64 // when it was offered, in Unix seconds
	number  uint64
	spooled bool // moved to the spool
	storing bool // being moved to the spool
}

// queue holds payloads until they are delivered: in memory, or on disk once the receiver is slow.
// Payloads on disk are always older than the ones in memory.
type queue struct {
	*life
	log      zerolog.Logger
	unit     string       // the name of a unit in the log
	ahead    bool         // payloads are spooled before they are sent
	spool    *spool.Spool // nil: all payloads wait in memory
	maxSpool int64

	// disk is locked while a payload enters or leaves the spool, until the fields agree with the disk. Lock it before
	// mu.
	disk sync.Mutex

	// mu guards the fields below.
	max     int            // limit of the bytes in memory
	coming  []announcement // flushes not yet pushed completely, oldest first
	waiting []*payload     // in memory, oldest first
	bytes   int            // size of waiting
	sending *payload       // the payload being sent, if it is an element of waiting
	spare   [][]byte       // buffers of delivered payloads
	failing bool           // the last attempt failed and its payload still waits
	ledger  Ledger
	stored  spool.Stats
	// oldestOnDisk is the time of the oldest flush in the spool, if the spool holds any.
	oldestOnDisk int64
	// refusedOnDisk counts units from the spool that the receiver refused. The spool counts them as
	// delivered.
	refusedOnDisk uint64
	newest        int64 // the newest announced flush
	// writeError and readError are the last errors of the disk, nil while it works.
	writeError, readError error
}

// announcement is a flush that will be pushed.
type announcement struct {
	flush  int64
	since  int64  // when it was offered, in Unix seconds
	number uint64 // number of the flush in Delivery
	units  int    // units not pushed yet
}

func newQueue(l *life, d *Destination, log zerolog.Logger) *queue {
	return &queue{life: l, log: log, unit: d.unit(), ahead: d.Forwards}
}

// announce announces the units of a flush, to be pushed later. The caller holds mu.
func (q *queue) announce(a announcement) {
	q.ledger.Made += uint64(a.units)
	q.coming = append(q.coming, a)
	q.newest = a.flush
}

// withdraw drops the units of the announcement at an index. The caller holds mu.
func (q *queue) withdraw(at int) {
	q.ledger.Reasons.Full += uint64(q.coming[at].units)
	q.coming = slices.Delete(q.coming, at, at+1)
}

// pushed ends the oldest announcement. It counts the units that could not be encoded: no payload contains them.
func (q *queue) pushed() {
	q.change(func() {
		q.ledger.Reasons.Unsendable += uint64(q.coming[0].units)
		q.coming = slices.Delete(q.coming, 0, 1)
	})
}

// push queues a payload of the oldest announced flush. While the receiver is prompt and no other
// flush waits, push blocks for room. Otherwise payloads that do not fit go to the spool, or the
// oldest are dropped.
func (q *queue) push(p *payload) {
	if p.units == 0 {
		return
	}
	q.mu.Lock()
	for q.bytes >= readyBytes && q.prompt() && len(q.coming) == 1 && !q.late {
		q.changed.Wait()
	}
	q.waiting = append(q.waiting, p)
	q.bytes += len(p.data)
	a := &q.coming[0]
	a.units -= p.units
	p.since, p.number = a.since, a.number
	spill := q.bytes > readyBytes || !q.prompt() || q.ahead
	q.changed.Broadcast()
	q.mu.Unlock()
	if spill {
		q.spill()
	}
	q.makeRoom()
}

// prompt reports whether the receiver takes payloads fast enough.
func (q *queue) prompt() bool { return !q.failing && q.stored.Records == 0 }

// makeRoom drops the oldest payloads until the rest fits in memory.
func (q *queue) makeRoom() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := 0; q.bytes > q.max && i < len(q.waiting)-1; {
		p := q.waiting[i]
		if p == q.sending || p.storing {
			i++
			continue
		}
		q.ledger.Reasons.Full += uint64(p.units)
		q.remove(p)
	}
}

// remove takes a payload out of memory. The caller holds mu.
func (q *queue) remove(p *payload) {
	if i := slices.Index(q.waiting, p); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.bytes -= len(p.data)
	}
}

// oldest returns when the oldest flush in memory was offered, or 0. The caller holds mu.
func (q *queue) oldest() int64 {
	switch {
	case len(q.waiting) > 0:
		return q.waiting[0].since
	case len(q.coming) > 0:
		return q.coming[0].since
	}
	return 0
}

// oldestWaiting returns the time of the oldest flush in memory or on disk, or 0. The caller holds
// mu.
func (q *queue) oldestWaiting() int64 {
	if q.stored.Records > 0 {
		return q.oldestOnDisk
	}
	return q.oldest()
}

// settled returns the newest settled flush whose earlier flushes are settled too (see Delivery.Settled). last is the
// newest flush.
func (q *queue) settled(last uint64) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.waiting) > 0:
		return q.waiting[0].number - 1
	case len(q.coming) > 0:
		return q.coming[0].number - 1
	}
	return last
}

// awaitRoom waits while the receiver works and much is queued for it. It does not wait for a failing receiver. New
// points then go to the spool, or the oldest are dropped.
func (q *queue) awaitRoom(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { q.change(func() {}) })()
	q.mu.Lock()
	defer q.mu.Unlock()
	for ctx.Err() == nil && q.phase == serving && (len(q.coming) > 1 || q.prompt() && q.bytes >= min(readyBytes, q.max/2)) {
		q.changed.Wait()
	}
}

// buffer returns an empty buffer for a payload. A new one has the given room.
func (q *queue) buffer(room int) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.spare); n > 0 {
		b := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, room)
}

// recycle keeps a buffer for reuse. The caller holds mu.
func (q *queue) recycle(b []byte) {
	if len(q.spare) <= readyBytes/payloadBytes {
		q.spare = append(q.spare, b)
	}
}

// exhausted reports whether the sender has nothing more to send: no more points will be offered, and the rest, if any,
// is left for the next process. The caller holds mu.
func (q *queue) exhausted() bool {
	if q.late {
		return true
	}
	if q.phase == serving || len(q.coming) > 0 {
		return false
	}
	leave := q.spool != nil && q.writeError == nil && q.readError == nil && q.failing
	return leave || len(q.waiting) == 0 && q.stored.Records == 0
}

// abandon counts and frees the payloads that a removed destination still has in memory.
func (q *queue) abandon() {
	q.change(func() {
		if !q.removed {
			return
		}
		for _, p := range q.waiting {
			q.ledger.Reasons.Removed += uint64(p.units)
		}
		q.waiting, q.bytes, q.spare = nil, 0, nil
	})
}

// takeOver continues the counts of an ended queue of the same name.
func (q *queue) takeOver(was Ledger) {
	q.change(func() {
		q.ledger.Made = was.Made
		q.ledger.Delivered = was.Delivered
		q.ledger.Reasons = was.Reasons
		// Points that the ended queue left on disk were found again or are lost.
		found := min(q.stored.Recovered, was.Spooled)
		q.ledger.Recovered = was.Recovered - found
		q.ledger.Reasons.Damaged += was.Spooled - found
	})
}

// sums returns the current Ledger. The caller holds mu.
func (q *queue) sums() Ledger {
	l := q.ledger
	for _, c := range q.coming {
		l.Queued += uint64(c.units)
	}
	for _, p := range q.waiting {
		l.Queued += uint64(p.units)
	}
	l.Recovered += q.stored.Recovered
	l.Delivered += q.stored.Advanced - q.refusedOnDisk
	l.Spooled = uint64(q.stored.Points)
	l.Reasons.Full += q.stored.Dropped
	l.Reasons.Damaged += q.stored.Lost
	l.Dropped = l.Reasons.sum()
	return l
}
