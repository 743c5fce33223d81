package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// queue collects lines in packets, and stores the packets that wait to be sent. Callers add lines with begin and
// commit. The sender takes packets with pop.
type queue struct {
	cur  atomic.Pointer[packet] // packet that is being filled; changed under mu
	idle atomic.Bool            // the sender sleeps, and has no timer for the packet cur
	// Padding, because the fields above are read for each line, and the fields below change often.
	_ [64]byte

	room       int // maximum number of bytes in a packet
	maxLine    int // maximum number of bytes in lines that must stay together
	max        int // maximum number of packets that callers can queue; ring can have more room, for merged lines
	dropOldest bool
	wake       chan struct{} // wakes the sender
	dropped    chan struct{} // wakes the reporter after lines were dropped; may be nil

	mu      sync.Mutex
	closed  bool
	hurried bool // hurry was called, so crowded returns false
	block   blocking
	ring    []*packet // sealed packets; the index of the oldest packet is head
	head, n int
	free    []*packet
	inHand  bool   // the sender is sending a packet that is older than the packets in the field ring
	flushTo uint64 // packets up to this number are sent before they are full
	waiters []waiter

	waiting amount // lines that are neither in the packet cur, nor sent, nor dropped
	stats   Stats  // without the sums, which the method snapshot computes
}

// manyLines is the minimum size of a packet with Config.OneLine.
const manyLines = 8192

// amount is a number of lines and the number of samples in them.
type amount struct{ lines, samples uint64 }

// waiter is a flush that waits. Its channel done is closed when all packets up to seq are sent or dropped.
type waiter struct {
	seq  uint64
	done chan struct{}
}

func newQueue(cfg Config) *queue {
	q := &queue{
		maxLine:    cfg.MaxPacketSize,
		max:        cfg.QueueSize,
		dropOldest: cfg.DropOldest,
		wake:       make(chan struct{}, 1),
		block:      newBlocking(cfg),
	}
	reserve := 0
	if q.block.on && cfg.Aggregate > 0 {
		reserve = maxValues // room for the merged lines of one series: at most maxValues lines
	}
	q.ring = make([]*packet, q.max+reserve)
	if cfg.datagram() {
		q.maxLine++ // a datagram is sent without its last newline
	}
	if len(cfg.HMACKey) > 0 {
		q.maxLine -= signedOverhead
	}
	q.room = q.maxLine
	if cfg.OneLine {
		q.room = max(q.room, manyLines)
	}
	first := newPacket(q.room)
	first.seq = 1
	first.open(0, 0)
	q.cur.Store(first)
	return q
}

// place is a request for room for complete lines that must stay together.
type place struct {
	bytes, lines, samples int
	merged                bool // the lines come from the aggregator, which must not wait
}

// begin returns a buffer for lines. The caller must append exactly the requested number of bytes, and then call
// commit with the packet. If there is no room, begin counts the lines as dropped and returns no packet.
func (q *queue) begin(bytes, lines int) ([]byte, *packet) {
	p := q.cur.Load()
	if b := p.reserve(bytes, lines); b != nil {
		return b, p
	}
	return q.overflow(place{bytes, lines, lines, false})
}

// beginMerged is like begin, for merged lines from the aggregator. samples is the number of samples
// in these lines.
func (q *queue) beginMerged(bytes, lines, samples int) ([]byte, *packet) {
	return q.overflow(place{bytes, lines, samples, true})
}

func (q *queue) overflow(need place) ([]byte, *packet) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b, p := q.find(need)
	if p != nil {
		p.extra += uint64(need.samples - need.lines)
	}
	return b, p
}

func (q *queue) commit(p *packet, lines int) {
	p.written.Add(uint64(lines))
	// This case is rare: the packet was sealed in the meantime, or these lines are the first lines
	// since the sender fell asleep. In both cases, the sender may be waiting for these lines.
	if p.complete() || q.idle.Load() && q.idle.CompareAndSwap(true, false) {
		signal(q.wake)
	}
}

// refuse counts a sample as invalid. Its name, member, value or type is empty, or its value is not finite.
func (q *queue) refuse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop(&q.stats.Dropped.Invalid, &q.stats.DroppedSamples.Invalid, amount{1, 1})
}

// drop adds n to the numbers of lines and samples that were dropped for one cause.
func (q *queue) drop(lines, samples *uint64, n amount) {
	*lines += n.lines
	*samples += n.samples
	signal(q.dropped)
}

// find is the part of begin that needs the lock. If the packet has no room, find seals it and opens another
// packet. If the queue is full, it waits, drops the oldest packet, or drops the new lines.
func (q *queue) find(need place) ([]byte, *packet) {
	lost, samples := &q.stats.Dropped, &q.stats.DroppedSamples
	lines := amount{uint64(need.lines), uint64(need.samples)}
	size := q.max
	if need.merged {
		size = len(q.ring)
	}
	for start := (time.Time{}); ; {
		if q.closed {
			q.drop(&lost.AfterClose, &samples.AfterClose, lines)
			return nil, nil
		}
		if need.bytes > q.maxLine {
			q.drop(&lost.TooLong, &samples.TooLong, lines)
			return nil, nil
		}
		cur := q.cur.Load()
		if b := cur.reserve(need.bytes, need.lines); b != nil {
			return b, cur
		}
		if q.n < size {
			break
		}
		if !need.merged && q.await(&start) {
			continue
		}
		if q.hurried {
			q.drop(&lost.Unsent, &samples.Unsent, lines)
			return nil, nil
		}
		if !q.dropOldest {
			q.drop(&lost.QueueFull, &samples.QueueFull, lines)
			return nil, nil
		}
		q.dropFirst()
		break
	}
	b := q.turn(need.bytes, need.lines)
	q.notify()
	q.idle.Store(false)
	signal(q.wake)
	return b, q.cur.Load()
}

func (q *queue) dropFirst() {
	old := q.unshift()
	lines := old.amount()
	q.waiting = q.waiting.minus(lines)
	q.drop(&q.stats.Dropped.QueueFull, &q.stats.DroppedSamples.QueueFull, lines)
	if old.complete() { // an incomplete packet cannot be reused, because a caller still writes to it
		q.recycle(old)
	}
}

// turn seals the packet that is being filled, and adds it to the ring, which must have room. It then opens the next
// packet and returns the first buffer in it. If the queue is closed, the next packet stays sealed. The old packet must
// be sealed before the next packet is opened, because packets are reused: a caller may still have a pointer to the next
// packet from an earlier use. Such a caller must not fill the next packet while the old packet is still open.
func (q *queue) turn(bytes, lines int) (b []byte) {
	old, next := q.cur.Load(), q.fresh()
	old.seal()
	q.waiting = q.waiting.plus(old.amount())
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
	q.block.release()
	return p
}

// fresh returns an empty sealed packet.
func (q *queue) fresh() *packet {
	last := len(q.free) - 1
	if last < 0 {
		return newPacket(q.room)
	}
	p := q.free[last]
	q.free = q.free[:last]
	return p
}

func (a amount) plus(b amount) amount  { return amount{a.lines + b.lines, a.samples + b.samples} }
func (a amount) minus(b amount) amount { return amount{a.lines - b.lines, a.samples - b.samples} }

// signal wakes the reader of ch. Several signals wake it once.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
