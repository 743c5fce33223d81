package client

// merge adds v to sr, and reports false if there was no room.
func (a *aggregator) merge(sr *series, v value) bool {
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
		var number [32]byte
		return a.live.addMember(sr, v.appendTo(number[:0], a.core.python))
	default:
		a.keep(sr, v.bits)
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
		a.core.putNumber(sr.head, whole(int64(old)), sr.tail)
	}
	return true
}
