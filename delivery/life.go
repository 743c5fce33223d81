package delivery

import (
	"context"
	"sync"
	"time"
)

// phase is the stage of a destination's life.
type phase int

const (
	serving phase = iota // flushes are offered to the destination
	retired              // a reload removed the destination; it delivers its queue, and a reload may revive it
	ending               // the destination gets no more points, and delivers its queue
	ended
)

// life is the life cycle of a destination. These are all transitions:
//
//	serving -> retired   retire: a reload removes it
//	retired -> serving   revive: a reload adds it again
//	retired -> ending    finish: its queue is empty; expire: the grace period is over
//	any     -> ending    end: the daemon stops
//	any     -> ended     over: run has returned
//
// In each phase the destination can be cut off: it sends nothing more, and its queue goes to the spool or is lost. The
// lock mu also guards the fields of the destination's queue and outlet.
type life struct {
	mu      sync.Mutex
	changed *sync.Cond // signals changes of the fields that mu guards
	phase   phase
	late    bool               // whether the destination is cut off
	removed bool               // retired by a reload, and not revived
	cancel  context.CancelFunc // cancels the context of the method run
	limit   *time.Timer        // ends the grace period of a retired destination
	nudge   chan struct{}      // wakes the sender from a pause, because it must deliver its queue soon
	gone    chan struct{}      // closed when the method run has returned
}

func newLife() *life {
	l := &life{nudge: make(chan struct{}, 1), gone: make(chan struct{}), cancel: func() {}}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// change calls the function do with the lock held. It then wakes all goroutines that wait on the condition variable
// l.changed.
func (l *life) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	l.changed.Broadcast()
}

// retire lets a destination deliver its queue before it ends. The parameter grace is the maximum time for this. retire
// returns false if the destination is already ending.
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

// expire cuts a retired destination off after its grace period. If the destination was revived,
// expire does nothing.
func (l *life) expire() {
	l.change(func() {
		if l.removed && l.phase < ended {
			l.phase, l.late = ending, true
			l.cancel()
		}
	})
}

// revive makes a retired destination serve again. The result alive is false if the destination is
// ending or has ended. The result revived is true if the destination was retired.
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

// finish ends a retired destination whose queue is empty. The caller holds mu.
func (l *life) finish() {
	if l.phase == retired {
		l.phase = ending
		l.changed.Broadcast()
	}
}

// end marks the destination as ending: no more flushes are offered to it.
func (l *life) end() {
	l.change(func() { l.phase = max(l.phase, ending) })
}

// cut cuts a destination off: it sends no more payloads.
func (l *life) cut() {
	l.change(func() { l.late = true })
}

// over marks the destination as ended, because its method run has returned.
func (l *life) over() {
	l.change(func() { l.phase = ended })
	close(l.gone)
}
