package kernel

// Loss counts the datagrams that did not fit into a receive buffer. The kernel counts a train as one
// datagram; see Socket.WantTrains. So Loss multiplies the kernel's count by the number of datagrams for
// each message that was read at the same time. The result is exact without trains, and an estimate with
// trains.
type Loss struct {
	total uint64
	last  uint32 // the kernel's count
	// Datagrams read since then, and messages read since then. A message is a datagram or a train.
	datagrams, messages uint64
	share               float64 // datagrams for each message, when messages were last read
}

// Note adds a batch to the counts.
func (l *Loss) Note(messages int, datagrams uint64) {
	l.messages += uint64(messages)
	l.datagrams += datagrams
}

// Now returns the number of lost datagrams. dropped is the kernel's count.
func (l *Loss) Now(dropped uint32) uint64 {
	if l.messages > 0 {
		l.share = float64(l.datagrams) / float64(l.messages)
	}
	l.total += uint64(float64(dropped-l.last) * max(l.share, 1))
	l.last, l.messages, l.datagrams = dropped, 0, 0
	return l.total
}
