package delivery

import (
	"context"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/spool"
)

const (
	// payloadBytes is the approximate size of a payload. When a connection breaks, up to this many
	// bytes can be delivered twice.
	payloadBytes = 1 << 20
	// readyBytes limits the bytes that are encoded but not sent, while the sink accepts payloads in time.
	readyBytes = 4 << 20
)

// payload holds encoded units of one flush. Units are points or rows, but the queue does not depend
// on their kind.
type payload struct {
	data    []byte
	units   int
	flush   int64 // timestamp of the payload's flush, in Unix seconds
	since   int64 // when the payload's flush was offered, in Unix seconds
	number  uint64
	spooled bool // moved to the spool
	storing bool // being moved to the spool
}

// queue holds payloads until they are delivered. It keeps them in memory, and on disk while the
// receiver is slow. Payloads on disk are always older than payloads in memory.
type queue struct {
	*life
	log      zerolog.Logger
	unit     string       // the units' name in the log: points or rows
	ahead    bool         // every payload is spooled before it is sent
	spool    *spool.Spool // nil if all payloads wait in memory
	maxSpool int64

	// disk is locked while a payload is written to the spool or removed from it, and until the fields of queue agree
	// with the spool again. Lock disk before mu.
	disk sync.Mutex

	// mu guards the fields below.
	max     int            // maximum number of bytes in memory
	coming  []announcement // flushes that are not completely pushed yet, oldest first
	waiting []*payload     // payloads in memory, oldest first
	bytes   int            // total size of the payloads in the field waiting, in bytes
	sending *payload       // the payload being sent, if it is in the slice waiting
	spare   [][]byte       // buffers of delivered payloads, for reuse
	failing bool           // the last attempt failed, and its payload still waits
	ledger  Ledger
	stored  spool.Stats
	// oldestOnDisk is the timestamp of the oldest flush in the spool. It is valid if the spool is not
	// empty.
	oldestOnDisk int64
	// refusedOnDisk is the number of units from the spool that the receiver refused. The spool counts
	// them as delivered.
	refusedOnDisk uint64
	newest        int64 // timestamp of the last announced flush
	// writeError and readError are the errors of the last write to and the last read from the disk.
	// They are nil if the write or the read succeeded.
	writeError, readError error
}

// announcement announces a flush whose payloads will be pushed.
type announcement struct {
	flush  int64
	since  int64  // when the flush was offered, in Unix seconds
	number uint64 // the flush's number in Delivery
	units  int    // number of units that are not pushed yet
}

func newQueue(l *life, d *Destination, log zerolog.Logger) *queue {
	return &queue{life: l, log: log, unit: d.unit(), ahead: d.Forwards}
}

// announce records a flush whose units will be pushed later. The caller holds mu.
func (q *queue) announce(a announcement) {
	q.ledger.Made += uint64(a.units)
	q.coming = append(q.coming, a)
	q.newest = a.flush
}

// withdraw drops the units of the announcement with the given index. The caller holds mu.
func (q *queue) withdraw(at int) {
	q.ledger.Reasons.Full += uint64(q.coming[at].units)
	q.coming = slices.Delete(q.coming, at, at+1)
}

// pushed ends the oldest announcement. The remaining units could not be encoded: pushed counts them
// as unsendable.
func (q *queue) pushed() {
	q.change(func() {
		q.ledger.Reasons.Unsendable += uint64(q.coming[0].units)
		q.coming = slices.Delete(q.coming, 0, 1)
	})
}

// push queues a payload of the oldest announced flush. If readyBytes are queued, push blocks until the sink has
// accepted some payloads. It does not block if the receiver is slow, or if a later flush already waits to be encoded.
// In these cases the queued payloads go to the spool. Without a spool, the oldest payloads are dropped when the memory
// is full.
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

// prompt reports whether the receiver accepts payloads fast enough: no attempt fails, and the spool
// is empty.
func (q *queue) prompt() bool { return !q.failing && q.stored.Records == 0 }

// makeRoom drops the oldest payloads until the remaining payloads fit into memory.
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

// remove removes a payload from memory. The caller holds mu.
func (q *queue) remove(p *payload) {
	if i := slices.Index(q.waiting, p); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.bytes -= len(p.data)
	}
}

// oldest returns when the oldest flush in memory was offered, or 0 if there is none. The caller
// holds mu.
func (q *queue) oldest() int64 {
	switch {
	case len(q.waiting) > 0:
		return q.waiting[0].since
	case len(q.coming) > 0:
		return q.coming[0].since
	}
	return 0
}

// oldestWaiting returns the time of the oldest flush in memory or on disk, or 0 if there is none.
// The caller holds mu.
func (q *queue) oldestWaiting() int64 {
	if q.stored.Records > 0 {
		return q.oldestOnDisk
	}
	return q.oldest()
}

// settled returns the number of the latest flush up to which all flushes are settled (see
// Delivery.Settled). The parameter last is the number of the last flush.
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

// awaitRoom waits while several flushes are not encoded yet, or while the receiver accepts payloads in time and the
// queue is at least half full. It does not wait for the queue of a failing receiver: new points then go to the spool,
// or the oldest ones are dropped.
func (q *queue) awaitRoom(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { q.change(func() {}) })()
	q.mu.Lock()
	defer q.mu.Unlock()
	for ctx.Err() == nil && q.phase == serving && (len(q.coming) > 1 || q.prompt() && q.bytes >= min(readyBytes, q.max/2)) {
		q.changed.Wait()
	}
}

// buffer returns an empty buffer for a payload. If there is no spare buffer, it makes a buffer. The parameter room is
// the capacity of this buffer in bytes.
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

// exhausted reports whether the sender has nothing more to send. This is true if no more points
// will be offered, and the queue is empty or is left on disk for the next process. The caller holds
// mu.
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

// abandon drops and counts the payloads in memory, if the destination was removed.
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

// takeOver continues the counts of an ended queue with the same name.
func (q *queue) takeOver(was Ledger) {
	q.change(func() {
		q.ledger.Made = was.Made
		q.ledger.Delivered = was.Delivered
		q.ledger.Reasons = was.Reasons
		// The new spool has found some of the points that the ended queue left on disk. The other points are lost.
		found := min(q.stored.Recovered, was.Spooled)
		q.ledger.Recovered = was.Recovered - found
		q.ledger.Reasons.Damaged += was.Spooled - found
	})
}

// sums returns the Ledger of all units, including the units that wait in memory and on disk. The
// caller holds mu.
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
