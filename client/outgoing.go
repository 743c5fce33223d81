package client

import (
	"slices"
	"strings"
)

// pop returns the oldest packet to send. It returns the packet that is being filled only if the
// parameter due is true, if a flush is waiting, or if the queue is closed. If there is no packet,
// state says what to wait for.
func (q *queue) pop(due bool) (p *packet, state queueState) {
	q.mu.Lock()
	defer q.mu.Unlock()
	cur := q.cur.Load()
	if q.n == 0 && cur.len() == 0 {
		if q.closed {
			return nil, queueEnded
		}
		q.idle.Store(true)
		q.shrink()
		if cur.len() == 0 { // no line was added before q.idle was set
			return nil, queueEmpty
		}
		q.idle.Store(false)
	}
	if q.n == 0 && (due || q.closed || cur.seq <= q.flushTo) {
		q.turn(0, 0)
	}
	if q.n == 0 || !q.ring[q.head].complete() {
		return nil, queuePartial
	}
	p = q.unshift()
	q.inHand, q.block.spent = true, false
	p.text, p.left = p.room[:bytesOf(p.reserved.Load())], p.amount()
	return p, queueReady
}

// own returns a packet with as many of the sender's own lines as fit, and the remaining lines. It drops lines
// that are too long.
func (q *queue) own(lines []string) (p *packet, rest []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for ; n < len(lines) && size+len(lines[n]) <= q.maxLine; n++ {
		size += len(lines[n])
	}
	if n == 0 {
		q.drop(&q.stats.Dropped.TooLong, &q.stats.DroppedSamples.TooLong, amount{1, 1})
		return nil, lines[1:]
	}
	p = q.fresh()
	// Store the sizes and the sealed bit in one step. A caller may still have a pointer to the packet from an earlier
	// use, and must never see the packet unsealed.
	p.reserved.Store(sealed + uint64(n)*oneLine + uint64(size))
	p.text, p.left = append(p.room[:0], strings.Join(lines[:n], "")...), p.amount()
	p.written.Store(uint64(n))
	q.waiting = q.waiting.plus(p.left)
	q.inHand = true
	return p, lines[n:]
}

type queueState int

const (
	queueReady   queueState = iota
	queuePartial            // there are lines, but their packet is not full, or a caller is still writing
	queueEmpty
	queueEnded // the queue is closed and empty
)

// sent counts the lines in the first bytes of a packet as sent, because the kernel has accepted
// these bytes. The other lines stay in the packet.
func (q *queue) sent(p *packet, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count(p.cut(bytes), 1, bytes)
}

// sentAlone counts lines that the kernel has accepted as separate datagrams. The parameters lines and bytes are sizes
// in bytes: lines is the size of these lines in the packet, and bytes is the size of the datagrams.
func (q *queue) sentAlone(p *packet, lines, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := p.cut(lines)
	q.count(n, n.lines, bytes)
}

// unsent drops the lines in the first bytes of a packet, because the network refuses these lines.
// The other lines stay in the packet.
func (q *queue) unsent(p *packet, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := p.cut(bytes)
	q.waiting = q.waiting.minus(n)
	q.drop(&q.stats.Dropped.Unsent, &q.stats.DroppedSamples.Unsent, n)
}

func (q *queue) count(n amount, writes uint64, bytes int) {
	q.waiting = q.waiting.minus(n)
	q.stats.Sent += n.lines
	q.stats.Writes += writes
	q.stats.Bytes += uint64(bytes)
}

// done ends the use of a packet that pop returned. If bytes is not 0, the kernel has accepted all remaining
// lines, which have this number of bytes. If bytes is 0, the remaining lines are dropped.
func (q *queue) done(p *packet, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if bytes > 0 {
		q.count(p.left, 1, bytes)
	} else if p.left.lines > 0 {
		q.waiting = q.waiting.minus(p.left)
		q.drop(&q.stats.Dropped.Unsent, &q.stats.DroppedSamples.Unsent, p.left)
	}
	q.recycle(p)
	q.inHand = false
	q.notify()
}

// notify closes the channels that flush returned, if all packets before the call of flush were sent
// or dropped.
func (q *queue) notify() {
	if q.inHand || len(q.waiters) == 0 {
		return
	}
	oldest := q.cur.Load()
	if q.n > 0 {
		oldest = q.ring[q.head]
	}
	q.waiters = slices.DeleteFunc(q.waiters, func(w waiter) bool {
		if w.seq >= oldest.seq {
			return false
		}
		close(w.done)
		return true
	})
}

// flush makes the sender send all queued lines immediately. The returned channel is closed when these lines have
// left the queue.
func (q *queue) flush() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	done := make(chan struct{})
	cur := q.cur.Load()
	last, lines := cur.seq, cur.len()
	if lines == 0 {
		last--
	}
	if q.waiting.lines == 0 && lines == 0 {
		close(done)
		return done
	}
	q.flushTo = max(q.flushTo, last)
	q.waiters = append(q.waiters, waiter{last, done})
	signal(q.wake)
	return done
}

// forget removes a waiter that does not want to wait any longer. The parameter done is the channel
// that flush returned.
func (q *queue) forget(done <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = slices.DeleteFunc(q.waiters, func(w waiter) bool { return w.done == done })
}

// close refuses further lines. The sender can still send the queued lines.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.cur.Load().seal()
	q.block.release()
	signal(q.wake)
}

// crowded reports whether merged samples should stay in their tables for now, because the queue has little room.
func (q *queue) crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n > q.max/2 && !q.hurried
}

// hurry makes crowded return false from now on. Lines are then dropped if the queue is full.
func (q *queue) hurry() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hurried = true
}

// ended reports whether the queue is closed and empty.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && q.waiting.lines == 0 && q.cur.Load().len() == 0
}

// discard drops all lines of a closed queue, including the lines that the sender is sending. It also closes the
// channels of all waiters.
func (q *queue) discard() {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.waiting.plus(q.cur.Load().amount())
	if left.lines > 0 {
		q.drop(&q.stats.Dropped.Unsent, &q.stats.DroppedSamples.Unsent, left)
	}
	q.closed = true
	q.waiting, q.n = amount{}, 0
	q.cur.Store(newPacket(0))
	q.ring, q.free = nil, nil
	q.block.release()
	for _, w := range q.waiters {
		close(w.done)
	}
	q.waiters = nil
}

// recycle keeps a packet, so that the method fresh can use it again. When the queue is empty, the
// method shrink frees most of these packets.
func (q *queue) recycle(p *packet) {
	p.reset()
	q.free = append(q.free, p)
}

func (q *queue) shrink() {
	const keep = 16
	if len(q.free) > keep {
		clear(q.free[keep:])
		q.free = q.free[:keep]
	}
}
