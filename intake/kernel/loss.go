package kernel

// Loss counts what did not fit into a receive buffer. The kernel counts a train as one; see
// Socket.WantTrains. So Loss multiplies by the datagrams in what was read at the same time, which is
// exact without trains, and an estimate with them.
type Loss struct {
	total uint64
	last  uint32 // the kernel's count
	// What was read since that: datagrams, and datagrams with each train as one.
	datagrams, messages uint64
	share               float64 // datagrams in a message, when some were read the last time
}

// Note notes a batch.
func (l *Loss) Note(messages int, datagrams uint64) {
	l.messages += uint64(messages)
	l.datagrams += datagrams
}

// Now returns the lost datagrams. dropped is the kernel's count.
func (l *Loss) Now(dropped uint32) uint64 {
	if l.messages > 0 {
		l.share = float64(l.datagrams) / float64(l.messages)
	}
	l.total += uint64(float64(dropped-l.last) * max(l.share, 1))
	l.last, l.messages, l.datagrams = dropped, 0, 0
	return l.total
}
