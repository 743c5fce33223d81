package client

import "time"

// blocking contains the state of calls that wait for room in a full queue: see Config.Block. The lock of the
// queue guards it.
type blocking struct {
	on    bool
	max   time.Duration   // maximum time that one call waits; 0 means no limit
	done  <-chan struct{} // when it is closed, all calls stop waiting
	room  chan struct{}   // closed when there is room again; nil if no call is waiting
	spent bool            // a call has waited without success; until there is room again, other calls do not wait
}

func newBlocking(cfg Config) blocking {
	b := blocking{on: cfg.Block > 0 || cfg.BlockContext != nil, max: cfg.Block}
	if cfg.BlockContext != nil {
		b.done = cfg.BlockContext.Done()
	}
	return b
}

// release wakes the waiting calls. They then check again whether there is room.
func (b *blocking) release() {
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
}

// await unlocks the queue and waits for room. It returns false if the call must not wait any longer. start is the
// time when the call started to wait.
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
