package delivery

import (
	"context"
	"sync"
	"time"
)

// phase is how far a destination has come.
type phase int

const (
	serving phase = iota // flushes are offered to it
	retired              // a reload has removed it: it delivers what it has, and may be wanted again
	ending               // nothing more will be offered: it finishes
	ended
)

// life is the course of a destination. All its transitions are here:
//
//	serving -> retired   retire: a reload has removed it
//	retired -> serving   revive: a reload wants it again
//	retired -> ending    finish: nothing is left to deliver; expire: the grace period is over
//	any     -> ending    end: the daemon ends
//	any     -> ended     over: run has returned
//
// In each phase it can be cut off: then what is left goes to the spool, or is lost. Its lock guards the
// destination's other state too.
type life struct {
	mu      sync.Mutex
	changed *sync.Cond // for each change of what mu guards
	phase   phase
	late    bool               // cut off
	removed bool               // retired, and not revived
	cancel  context.CancelFunc // ends run
	limit   *time.Timer        // ends the grace period of a retired one
	nudge   chan struct{}      // gets one, if there is room, when waiting longer makes no sense
	gone    chan struct{}      // closed when run has returned
}

func newLife() *life {
	l := &life{nudge: make(chan struct{}, 1), gone: make(chan struct{}), cancel: func() {}}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// change calls do with the lock held, and wakes all that wait for a change.
func (l *life) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	l.changed.Broadcast()
}

// retire lets a destination deliver what it has until grace is over. It reports false if the
// destination ends already.
func (l *life) retire(grace time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != serving {
		return false
	}
	l.phase, l.removed = retired, true
	l.limit = time.AfterFunc(grace, l.expire)
	select {
	case l.nudge <- struct{}{}:
	default:
	}
	l.changed.Broadcast()
	return true
}

// expire cuts a destination off when its grace period is over, unless it was revived.
func (l *life) expire() {
	l.change(func() {
		if l.removed && l.phase < ended {
			l.phase, l.late = ending, true
			l.cancel()
		}
	})
}

// revive lets a retired destination go on. It reports whether the destination goes
// on, and whether it was retired.
func (l *life) revive() (alive, revived bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != retired {
		return l.phase == serving, false
	}
	l.phase, l.removed = serving, false
	l.limit.Stop()
	return true, true
}

// finish ends a retired destination that has nothing left. The caller holds mu.
func (l *life) finish() {
	if l.phase == retired {
		l.phase = ending
		l.changed.Broadcast()
	}
}

// end says that nothing more will be offered.
func (l *life) end() {
	l.change(func() { l.phase = max(l.phase, ending) })
}

// cut cuts a destination off.
func (l *life) cut() {
	l.change(func() { l.late = true })
}

// over says that run has returned.
func (l *life) over() {
	l.change(func() { l.phase = ended })
	close(l.gone)
}
