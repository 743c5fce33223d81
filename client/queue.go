package client

import (
	"slices"
	"sync"
)

// packet is whole lines, each ended by a newline, on their way to one write.
type packet struct {
	buf   []byte
	lines int
	seq   uint64 // packets are numbered in the order in which they are filled
}

// slack is room in a packet's buffer beyond the limit, so that the line that
// does not fit is still written in place before it moves to the next packet.
const slack = 512

// queue collects lines into packets and holds those that wait to be sent.
// Callers add with begin and commit; one sender takes with pop.
type queue struct {
	mu         sync.Mutex
	limit      int // bytes of lines in a packet; -1 once closed
	maxLine    int // limit as it was before closing
	dropOldest bool
	wake       chan struct{} // tells the sender to look again
	dropped    chan struct{} // tells the reporter that lines were dropped; may be nil

	cur     *packet   // being filled
	ring    []*packet // full ones, oldest at head
	head, n int
	free    []*packet
	idle    bool   // the sender waits, and has set no timer for cur
	flushTo uint64 // packets up to this number go without waiting to fill
	waiters []waiter

	waiting uint64 // lines that are neither in cur nor sent nor dropped
	stats   Stats  // without the sums that snapshot makes
}

// waiter's done is closed when packet seq has left the queue.
type waiter struct {
	seq  uint64
	done chan struct{}
}

func newQueue(cfg Config) *queue {
	q := &queue{
		limit:      cfg.MaxPacketSize,
		dropOldest: cfg.DropOldest,
		wake:       make(chan struct{}, 1),
		ring:       make([]*packet, cfg.QueueSize),
	}
	if cfg.datagram() {
		q.limit++ // a datagram goes without its last newline
	}
	q.maxLine = q.limit
	q.cur = &packet{buf: make([]byte, 0, q.limit+slack), seq: 1}
	return q
}

// begin locks the queue and returns the buffer to append a line to. Its
// extension goes to commit, which unlocks.
func (q *queue) begin() []byte {
	q.mu.Lock()
	return q.cur.buf
}

// commit takes b, the buffer of begin with whole lines appended that must stay
// together.
func (q *queue) commit(b []byte, lines int) {
	if len(b) > q.limit {
		q.overflow(b[len(q.cur.buf):], lines)
		q.mu.Unlock()
		return
	}
	q.cur.buf = b
	q.cur.lines += lines
	if q.idle {
		q.idle = false
		signal(q.wake)
	}
	q.mu.Unlock()
}

// refuse counts a sample that no line can be made of.
func (q *queue) refuse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Invalid++
}

// overflow puts text in a new packet, or drops it.
func (q *queue) overflow(text []byte, lines int) {
	switch {
	case q.limit < 0:
		q.stats.AfterClose += uint64(lines)
		return
	case len(text) > q.maxLine:
		q.stats.TooLong += uint64(lines)
		return
	case q.n == len(q.ring) && !q.dropOldest:
		q.stats.QueueFull += uint64(lines)
		signal(q.dropped)
		return
	case q.n == len(q.ring):
		old := q.unshift()
		q.waiting -= uint64(old.lines)
		q.stats.QueueFull += uint64(old.lines)
		signal(q.dropped)
		q.recycle(old)
	}
	next := q.fresh()
	next.buf = append(next.buf, text...)
	next.lines = lines
	full := q.seal(next)
	q.ring[(q.head+q.n)%len(q.ring)] = full
	q.n++
	q.idle = false
	signal(q.wake)
}

// seal makes next the packet to fill and returns the one that was.
func (q *queue) seal(next *packet) *packet {
	p := q.cur
	q.waiting += uint64(p.lines)
	q.cur = next
	return p
}

func (q *queue) unshift() *packet {
	p := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return p
}

// fresh returns an empty packet, numbered after cur.
func (q *queue) fresh() *packet {
	if len(q.free) == 0 {
		q.free = append(q.free, &packet{buf: make([]byte, 0, q.maxLine+slack)})
	}
	last := len(q.free) - 1
	p := q.free[last]
	q.free = q.free[:last]
	p.seq = q.cur.seq + 1
	return p
}

// pop takes the oldest packet to send: a full one, or with due, or when a flush
// or the end asks for it, the one being filled. With none, state says what
// there is to wait for.
func (q *queue) pop(due bool) (p *packet, state queueState) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.n > 0:
		return q.unshift(), queueReady
	case q.cur.lines == 0 && q.limit < 0:
		return nil, queueEnded
	case q.cur.lines == 0:
		q.idle = true
		q.shrink()
		return nil, queueEmpty
	case due || q.limit < 0 || q.cur.seq <= q.flushTo:
		return q.seal(q.fresh()), queueReady
	}
	return nil, queuePartial
}

type queueState int

const (
	queueReady   queueState = iota
	queuePartial            // some lines wait for their packet to fill
	queueEmpty
	queueEnded // closed, and nothing is left
)

// sent counts lines and bytes that the kernel has taken.
func (q *queue) sent(lines, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count(lines, bytes)
}

func (q *queue) count(lines, bytes int) {
	q.waiting -= uint64(lines)
	q.stats.Sent += uint64(lines)
	q.stats.Writes++
	q.stats.Bytes += uint64(bytes)
}

// done ends the way of a packet that pop gave out: the kernel has taken so many
// bytes of it, with what lines it still had, or with none they are dropped.
func (q *queue) done(p *packet, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if bytes > 0 {
		q.count(p.lines, bytes)
	} else {
		q.waiting -= uint64(p.lines)
		q.stats.Unsent += uint64(p.lines)
	}
	seq := p.seq
	q.recycle(p)
	if len(q.waiters) == 0 {
		return
	}
	kept := q.waiters[:0]
	for _, w := range q.waiters {
		if w.seq <= seq {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	clear(q.waiters[len(kept):])
	q.waiters = kept
}

// flush asks for all lines so far to be sent without waiting, and returns a
// channel that is closed when they have left the queue.
func (q *queue) flush() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	done := make(chan struct{})
	if q.waiting == 0 && q.cur.lines == 0 {
		close(done)
		return done
	}
	last := q.cur.seq
	if q.cur.lines == 0 {
		last--
	}
	q.flushTo = max(q.flushTo, last)
	q.waiters = append(q.waiters, waiter{last, done})
	signal(q.wake)
	return done
}

// forget takes back a wait of flush.
func (q *queue) forget(done <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = slices.DeleteFunc(q.waiters, func(w waiter) bool { return w.done == done })
}

// close refuses further lines; those inside can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit = -1
	signal(q.wake)
}

// ended reports whether the queue is closed and empty.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limit < 0 && q.waiting == 0 && q.cur.lines == 0
}

// discard drops whatever a closed queue still has, and what the sender has in
// hand, and ends all
// waits. It returns how many lines that were.
func (q *queue) discard() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.waiting + uint64(q.cur.lines)
	q.stats.Unsent += left
	q.waiting, q.cur.lines, q.n = 0, 0, 0
	q.ring, q.free = nil, nil
	for _, w := range q.waiters {
		close(w.done)
	}
	q.waiters = nil
	return int(left)
}

// recycle keeps packets for fresh: under load as many as the queue can hold,
// while it is empty only a few.
func (q *queue) recycle(p *packet) {
	p.buf, p.lines = p.buf[:0], 0
	q.free = append(q.free, p)
}

func (q *queue) shrink() {
	const keep = 16
	if len(q.free) > keep {
		clear(q.free[keep:])
		q.free = q.free[:keep]
	}
}

// signal wakes whoever reads ch, once for any number of signals.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
