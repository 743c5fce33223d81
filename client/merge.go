package client

// merge adds v to sr. It returns false if v must be sent without merging.
func (a *aggregator) merge(sr *series, v value) bool {
	if a.closed || !v.valid() {
		return false
	}
	switch sr.kind {
	case counter:
		// The word of an idle series is the constant idle. countAgain returns false if the series is idle, or if the sum
		// would overflow or equal the constant idle. Only in an idle series, v is then stored as the first value.
		return sr.countAgain(int64(v.bits)) || v.bits != idle && sr.word.CompareAndSwap(idle, v.bits)
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
		return a.keep(sr, v.bits)
	}
	return true
}
