package kernel

// Loss counts the datagrams that did not fit into a receive buffer. The kernel counts a coalesced packet (see
// Socket.WantTrains) as one datagram. So Loss multiplies the kernel's count by the average number of datagrams per
// message that was read in the same period. A message is a datagram or a coalesced packet. The result is an estimate
// with coalesced packets, and exact without them.
type Loss struct {
	total uint64
	last  uint32 // the kernel's count at the previous call of Now
	// The numbers of datagrams and messages that were read since the previous call of Now.
	datagrams, messages uint64
	share               float64 // average number of datagrams per message, from the last period with messages
}

// Note adds a batch of datagrams to the counts of the current period.
func (l *Loss) Note(messages int, datagrams uint64) {
	l.messages += uint64(messages)
	l.datagrams += datagrams
}

// Now returns the number of datagrams that were lost since the start. dropped is the kernel's current count.
func (l *Loss) Now(dropped uint32) uint64 {
	if l.messages > 0 {
		l.share = float64(l.datagrams) / float64(l.messages)
	}
	l.total += uint64(float64(dropped-l.last) * max(l.share, 1))
	l.last, l.messages, l.datagrams = dropped, 0, 0
	return l.total
}
