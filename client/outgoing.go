package client

import "slices"

// pop takes the oldest packet to send: a full one, or with due, or when a flush
// or the end asks for it, the one being filled. With none, state says what
// there is to wait for.
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
		if cur.len() == 0 { // no caller came before it could see idle
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
	q.inHand = true
	p.text, p.lines = p.room[:bytesOf(p.reserved.Load())], int(p.len())
	return p, queueReady
}

type queueState int

const (
	queueReady   queueState = iota
	queuePartial            // some lines wait for their packet to fill, or for a caller to finish
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
	q.recycle(p)
	q.inHand = false
	q.notify()
}

// notify ends the waits for packets that are all sent or dropped.
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

// flush asks for all lines so far to be sent without waiting, and returns a
// channel that is closed when they have left the queue.
func (q *queue) flush() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	done := make(chan struct{})
	cur := q.cur.Load()
	last, lines := cur.seq, cur.len()
	if lines == 0 {
		last--
	}
	if q.waiting == 0 && lines == 0 {
		close(done)
		return done
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
	q.closed = true
	q.cur.Load().seal()
	signal(q.wake)
}

// crowded reports whether more wait than should be added to at once. What is
// still being merged takes no room.
func (q *queue) crowded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n > len(q.ring)/2 && !q.hurried
}

// hurry makes the queue never crowded: what has no room is dropped.
func (q *queue) hurry() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hurried = true
}

// ended reports whether the queue is closed and empty.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && q.waiting == 0 && q.cur.Load().len() == 0
}

// discard drops whatever a closed queue still has, and what the sender has in
// hand, and ends all waits. It returns how many lines that were.
func (q *queue) discard() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.waiting + q.cur.Load().len()
	q.stats.Unsent += left
	q.waiting, q.n = 0, 0
	q.cur.Store(newPacket(0))
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
