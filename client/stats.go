package client

// Stats counts what happened to every line given to a client and to the clients
// derived from it. At any moment
//
//	Lines == Sent + Queued + Dropped.Total()
//
// A call makes one line, or two for a negative gauge. With [Config.Aggregate] several samples share a line, which
// counts as soon as it is queued. A sample left out by [Client.Sampled] makes no line.
type Stats struct {
	Lines   uint64 // given to the client
	Sent    uint64 // accepted by the kernel
	Queued  uint64 // waiting for the server
	Dropped Drops  // lines

	// DroppedSamples counts the values in dropped lines, as a server would count
	// them. A line of merged timer values has up to 64. A merged counter has one,
	// its sum.
	DroppedSamples Drops

	Writes   uint64 // datagrams, or writes to a stream
	Bytes    uint64 // of payload written
	Connects uint64 // connections made
	Failures uint64 // failed connections, refused datagrams, and errors given to Report
	LogLost  uint64 // log lines that Config.Log or Logger did not accept, because it was too slow or panicked

	Connected bool  // whether there is a connection now (UDP: an open socket)
	LastError error // the last failure; nil if there was none
}

// Stats returns a consistent copy of the counters.
func (c *Client) Stats() Stats {
	if !c.on() {
		return Stats{}
	}
	return c.core.queue.snapshot()
}

func (q *queue) snapshot() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Queued = q.waiting.lines + q.cur.Load().len()
	s.Lines = s.Sent + s.Queued + s.Dropped.Total()
	return s
}

// note changes the counters.
func (q *queue) note(change func(s *Stats)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change(&q.stats)
}

// failed counts a failure.
func (q *queue) failed(err error) {
	q.note(func(s *Stats) { s.Failures++; s.LastError = err })
}
