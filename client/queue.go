package client

import (
	"sync"
	"sync/atomic"
)

// queue collects lines into packets and holds those that wait to be sent.
// Callers add with begin and commit; one sender takes with pop.
type queue struct {
	cur  atomic.Pointer[packet] // being filled; changed under mu
	idle atomic.Bool            // the sender waits, and has set no timer for cur
	_    [64]byte               // callers read the above for each line: apart from what changes more often

	maxLine    int // bytes of lines in a packet
	dropOldest bool
	wake       chan struct{} // tells the sender to look again
	dropped    chan struct{} // tells the reporter that lines were dropped; may be nil

	mu      sync.Mutex
	closed  bool
	hurried bool      // never crowded
	ring    []*packet // sealed ones, oldest at head
	head, n int
	free    []*packet
	inHand  bool   // the sender has taken a packet older than these
	flushTo uint64 // packets up to this number go without waiting to fill
	waiters []waiter

	waiting uint64 // lines that are neither in cur nor sent nor dropped
	stats   Stats  // without the sums that snapshot makes
}

// waiter's done is closed when the packets up to seq are sent or dropped.
type waiter struct {
	seq  uint64
	done chan struct{}
}

func newQueue(cfg Config) *queue {
	q := &queue{
		maxLine:    cfg.MaxPacketSize,
		dropOldest: cfg.DropOldest,
		wake:       make(chan struct{}, 1),
		ring:       make([]*packet, cfg.QueueSize),
	}
	if cfg.datagram() {
		q.maxLine++ // a datagram goes without its last newline
	}
	first := newPacket(q.maxLine)
	first.seq = 1
	first.open(0, 0)
	q.cur.Store(first)
	return q
}

// begin returns a buffer for so many bytes of whole lines that must stay
// together. The caller appends just these, and then calls commit with the
// packet. Without a packet there is no room, and the lines are counted.
func (q *queue) begin(bytes, lines int) ([]byte, *packet) {
	p := q.cur.Load()
	if b := p.reserve(bytes, lines); b != nil {
		return b, p
	}
	return q.overflow(bytes, lines)
}

func (q *queue) commit(p *packet, lines int) {
	p.written.Add(uint64(lines))
	// Seldom: the packet was sealed meanwhile, and the sender may wait for these
	// lines; or they are the first since it went to sleep.
	if p.complete() || q.idle.Load() && q.idle.CompareAndSwap(true, false) {
		signal(q.wake)
	}
}

// refuse counts a sample with an empty text, or a value that is not finite.
func (q *queue) refuse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Invalid++
	signal(q.dropped)
}

// overflow is begin when the packet being filled has no room: it turns to
// another, or counts the lines as dropped.
func (q *queue) overflow(bytes, lines int) ([]byte, *packet) {
	q.mu.Lock()
	defer q.mu.Unlock()
	cur := q.cur.Load()
	switch {
	case q.closed:
		q.stats.AfterClose += uint64(lines)
		return nil, nil
	case bytes > q.maxLine:
		q.stats.TooLong += uint64(lines)
		signal(q.dropped)
		return nil, nil
	}
	if b := cur.reserve(bytes, lines); b != nil { // another caller has turned
		return b, cur
	}
	switch {
	case q.n == len(q.ring) && !q.dropOldest:
		q.stats.QueueFull += uint64(lines)
		signal(q.dropped)
		return nil, nil
	case q.n == len(q.ring):
		old := q.unshift()
		q.waiting -= old.len()
		q.stats.QueueFull += old.len()
		signal(q.dropped)
		if old.complete() { // otherwise somebody still writes to it
			q.recycle(old)
		}
	}
	b := q.turn(bytes, lines)
	q.notify()
	q.idle.Store(false)
	signal(q.wake)
	return b, q.cur.Load()
}

// turn seals the packet being filled, as the last to be sent, for which there
// must be room. The next begins with the place that it returns; that of a closed
// queue has none. It opens after the other is sealed: a caller that knows it from
// an earlier use could fill it, and then the other.
func (q *queue) turn(bytes, lines int) (b []byte) {
	old, next := q.cur.Load(), q.fresh()
	q.waiting += old.seal()
	next.seq = old.seq + 1
	if !q.closed {
		b = next.open(bytes, lines)
	}
	q.cur.Store(next)
	q.ring[(q.head+q.n)%len(q.ring)] = old
	q.n++
	return b
}

func (q *queue) unshift() *packet {
	p := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return p
}

// fresh returns an empty packet that takes no lines yet.
func (q *queue) fresh() *packet {
	last := len(q.free) - 1
	if last < 0 {
		return newPacket(q.maxLine)
	}
	p := q.free[last]
	q.free = q.free[:last]
	return p
}

// signal wakes whoever reads ch, once for any number of signals.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
