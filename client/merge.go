package client

// text appends v as those series have it that keep text, so that merge need not
// do it under the lock.
func (a *aggregator) text(b []byte, k kind, v value) []byte {
	if k <= gauge {
		return nil
	}
	return v.appendTo(b, a.core.python)
}

// merge adds v to sr, and reports false if there was no room.
func (a *aggregator) merge(sr *series, v value, text []byte) bool {
	if a.closed || !v.valid() {
		return false
	}
	switch sr.kind {
	case counter:
		return a.count(sr, v.bits)
	case gauge:
		if v.form == formDelta {
			sr.adjust(v.float())
			return true
		}
		sr.delta = 0
		sr.word.Store(v.bits)
	case set:
		return a.live.addMember(sr, text)
	default:
		if len(sr.head)+len(sr.values)+1+len(text)+len(sr.tail) > a.core.queue.maxLine {
			a.core.emit(sr)
		}
		if len(sr.values) > 0 {
			sr.values = append(sr.values, ':')
		}
		sr.values = append(sr.values, text...)
	}
	return true
}

// count is merge for counters.
func (a *aggregator) count(sr *series, n uint64) bool {
	if n == idle {
		return false
	}
	if sr.countAgain(int64(n)) {
		return true
	}
	if old := sr.word.Swap(n); old != idle { // together too much for one line
		a.core.line(sr.head, whole(int64(old)), sr.tail)
	}
	return true
}
