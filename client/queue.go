package client

import "sync"

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
	} else {
		q.cur.buf = b
		q.cur.lines += lines
	}
	if q.idle {
		q.idle = false
		signal(q.wake)
	}
	q.mu.Unlock()
}

// fits reports whether a line can be made of a sample with these texts. If not
// it counts the sample, at no cost that grows with the texts.
func (q *queue) fits(name, text string, tags []string) bool {
	if name != "" && text != "" && size(name, tags)+len(text) <= q.maxLine {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if name == "" || text == "" {
		q.stats.Invalid++
	} else {
		q.stats.TooLong++
	}
	return false
}

// size is how much text a sample has.
func size(name string, tags []string) int {
	n := len(name)
	for _, tag := range tags {
		n += len(tag)
	}
	return n
}

// refuse counts a sample with a value that is not finite.
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
	q.ring[(q.head+q.n)%len(q.ring)] = q.seal(next)
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

// signal wakes whoever reads ch, once for any number of signals.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
