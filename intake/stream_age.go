package intake

import (
	"net"
	"syscall"
	"time"
)

// conn is a TCP or unix connection.
type conn interface {
	net.Conn
	syscall.Conn
}

// age is an element of an ageList. It is the place of a stream in this list, which is ordered by age.
type age struct {
	conn       conn
	list       *ageList // nil if the stream is closed or is being closed
	prev, next *age
	// since is the time when the unfinished line began. If there is no unfinished line, it is the time
	// when the last line ended or the connection was made. It is a duration since the start of intake.
	since time.Duration
}

// ages orders the streams of a lane by the time of their last change. The shard's lock guards it.
// Linked lists keep an update cheap, and keep the oldest stream first.
type ages struct {
	unfinished ageList // streams with an unfinished line
	resting    ageList // streams without an unfinished line
}

func (a *ages) ofUnfinished() *ageList { return &a.unfinished }
func (a *ages) ofResting() *ageList    { return &a.resting }

// ageList is a list of ages, oldest first.
type ageList struct{ first, last *age }

func (l *ageList) push(a *age, since time.Duration) {
	a.list, a.prev, a.next, a.since = l, l.last, nil, since
	if l.last != nil {
		l.last.next = a
	} else {
		l.first = a
	}
	l.last = a
}

func (l *ageList) remove(a *age) {
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		l.first = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		l.last = a.prev
	}
	a.list, a.prev, a.next = nil, nil, nil
}

func (a *ages) add(s *age, now time.Duration) { a.resting.push(s, now) }

// note updates the position of a stream after a read. unfinished says that a line is unfinished;
// ended says that the read completed a line.
func (a *ages) note(s *age, unfinished, ended bool, now time.Duration) {
	list := &a.resting
	if unfinished {
		list = &a.unfinished
	}
	if s.list == nil || list == s.list && !ended {
		return
	}
	s.list.remove(s)
	list.push(s, now)
}

// remove removes a closed stream. It may be called twice.
func (a *ages) remove(s *age) {
	if s.list != nil {
		s.list.remove(s)
	}
}
