package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// queue collects lines into packets and holds the packets that wait to be sent.
// Callers add with begin and commit. One sender takes with pop.
type queue struct {
	cur  atomic.Pointer[packet] // being filled; changed under mu
	idle atomic.Bool            // the sender sleeps and has no timer for cur
	_    [64]byte               // padding: the fields above are read for each line, the ones below change often

	room       int // bytes in a packet
	maxLine    int // bytes of lines that stay together
	max        int // packets that callers can queue; len(ring) is more if merged lines have a reserve
	dropOldest bool
	wake       chan struct{} // tells the sender to look again
	dropped    chan struct{} // wakes the reporter after drops; may be nil

	mu      sync.Mutex
	closed  bool
	hurried bool // never crowded
	block   blocking
	ring    []*packet // sealed packets, oldest at head
	head, n int
	free    []*packet
	inHand  bool   // the sender holds a packet that is older than these
	flushTo uint64 // packets up to this number are sent before they are full
	waiters []waiter

	waiting amount // not in cur, not sent and not dropped
	stats   Stats  // without the sums, which snapshot computes
}

// manyLines is the size of a packet with Config.OneLine.
const manyLines = 8192

// amount counts lines and the samples in them.
type amount struct{ lines, samples uint64 }

// waiter's done is closed when the packets up to seq are sent or dropped.
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
		reserve = maxValues // the lines of one series
	}
	q.ring = make([]*packet, q.max+reserve)
	if cfg.datagram() {
		q.maxLine++ // a datagram goes without its last newline
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

// place is a request for room for whole lines that must stay together.
type place struct {
	bytes, lines, samples int
	merged                bool // the lines come from the aggregator, which must not wait
}

// begin returns a buffer for lines. The caller appends exactly the requested bytes, then calls commit with the packet.
// If there is no room, begin counts the lines and returns no packet.
func (q *queue) begin(bytes, lines int) ([]byte, *packet) {
	p := q.cur.Load()
	if b := p.reserve(bytes, lines); b != nil {
		return b, p
	}
	return q.overflow(place{bytes, lines, lines, false})
}

// beginMerged does the same as begin, for the aggregator.
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
	// Rare: the packet was sealed meanwhile and the sender may wait for these
	// lines, or they are the first since it fell asleep.
	if p.complete() || q.idle.Load() && q.idle.CompareAndSwap(true, false) {
		signal(q.wake)
	}
}

// refuse counts a sample with an empty text, or a value that is not finite.
func (q *queue) refuse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop(&q.stats.Dropped.Invalid, &q.stats.DroppedSamples.Invalid, amount{1, 1})
}

// drop adds to the counters of one cause.
func (q *queue) drop(lines, samples *uint64, n amount) {
	*lines += n.lines
	*samples += n.samples
	signal(q.dropped)
}

// find is the part of begin that needs the lock. It seals a packet that has no room and opens another. If the queue is
// full, it waits, makes room or drops the lines.
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

// dropFirst drops the oldest packet.
func (q *queue) dropFirst() {
	old := q.unshift()
	lines := old.amount()
	q.waiting = q.waiting.minus(lines)
	q.drop(&q.stats.Dropped.QueueFull, &q.stats.DroppedSamples.QueueFull, lines)
	if old.complete() { // otherwise a caller still writes to it
		q.recycle(old)
	}
}

// turn seals the packet being filled and queues it, for which there must be
// room. It opens the next packet and returns the first place in it. If the queue
// is closed, the next packet stays sealed. The old packet is sealed before the
// next one opens: a caller that knows the next one from an earlier use must not
// fill it before the old one.
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

// signal wakes the reader of ch, once for any number of signals.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
