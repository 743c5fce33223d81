package server

import "time"

// age is a stream's place among those of its lane.
type age struct {
	list       *ageList // nil when it is closed, or about to be
	prev, next *stream
	// since is when the unfinished line began, or else when the last line ended
	// or the connection was made, since the daemon's start.
	since time.Duration
}

// ages orders the streams of a lane by how long they have been as they are. The
// shard's lock guards it. It costs each read a few pointers, and finds the
// oldest at once, however many there are.
type ages struct {
	unfinished ageList // those within a line
	resting    ageList // the others
}

func (a *ages) ofUnfinished() *ageList { return &a.unfinished }
func (a *ages) ofResting() *ageList    { return &a.resting }

// ageList is a list of streams, the oldest first.
type ageList struct{ first, last *stream }

func (l *ageList) push(st *stream, since time.Duration) {
	st.age = age{list: l, prev: l.last, since: since}
	if l.last != nil {
		l.last.age.next = st
	} else {
		l.first = st
	}
	l.last = st
}

func (l *ageList) remove(st *stream) {
	if st.age.prev != nil {
		st.age.prev.age.next = st.age.next
	} else {
		l.first = st.age.next
	}
	if st.age.next != nil {
		st.age.next.age.prev = st.age.prev
	} else {
		l.last = st.age.prev
	}
	st.age = age{since: st.age.since}
}

func (a *ages) add(st *stream, now time.Duration) { a.resting.push(st, now) }

// note takes over how a stream stands after a read.
func (a *ages) note(st *stream, ended bool, now time.Duration) {
	list := &a.resting
	if st.unfinished() {
		list = &a.unfinished
	}
	if st.age.list == nil || list == st.age.list && !ended {
		return
	}
	st.age.list.remove(st)
	list.push(st, now)
}

// remove is for a stream that is closed; it may have been removed before.
func (a *ages) remove(st *stream) {
	if st.age.list != nil {
		st.age.list.remove(st)
	}
}
