package client

import "time"

// blocking makes callers wait for room in a full queue, see Config.Block. The
// queue's lock guards it.
type blocking struct {
	on    bool
	max   time.Duration   // one call waits this long; 0: without limit
	done  <-chan struct{} // ends all waits
	room  chan struct{}   // closed when there is room again; nil if no call waits
	spent bool            // a wait ended without room: no call waits until there is room again
}

func newBlocking(cfg Config) blocking {
	b := blocking{on: cfg.Block > 0 || cfg.BlockContext != nil, max: cfg.Block}
	if cfg.BlockContext != nil {
		b.done = cfg.BlockContext.Done()
	}
	return b
}

// release wakes the waiting calls, which then look for room again.
func (b *blocking) release() {
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
}

// await waits for room, without the lock. It reports false when the call should
// not wait any more. start is when the call began to wait.
func (q *queue) await(start *time.Time) bool {
	if !q.block.on || q.block.spent {
		return false
	}
	if start.IsZero() {
		*start = time.Now()
	}
	var expired <-chan time.Time
	if q.block.max > 0 {
		timer := time.NewTimer(q.block.max - time.Since(*start))
		defer timer.Stop()
		expired = timer.C
	}
	if q.block.room == nil {
		q.block.room = make(chan struct{})
	}
	room := q.block.room
	q.mu.Unlock()
	select {
	case <-room:
	case <-expired:
	case <-q.block.done:
	}
	q.mu.Lock()
	select {
	case <-room:
		return true
	default:
		q.block.spent = true
		return false
	}
}
