package client

// Stats counts what happened to the lines of a client and of all clients derived from it. At any time,
//
//	Lines == Sent + Queued + Dropped.Total()
//
// A call makes one line, or two lines for a negative gauge. With [Config.Aggregate], several samples share a line. This
// line is counted when it is queued. A sample that [Client.Sampled] leaves out makes no line.
type Stats struct {
	Lines   uint64 // number of all lines
	Sent    uint64 // number of lines that the kernel has accepted
	Queued  uint64 // number of lines that wait for the server
	Dropped Drops  // numbers of dropped lines

	// DroppedSamples counts the values in dropped lines, as a server would count them. A line with merged timer
	// values has up to 64 values. A merged counter has one value, its sum.
	DroppedSamples Drops

	Writes   uint64 // number of datagrams, or of writes to a stream
	Bytes    uint64 // number of payload bytes that were written
	Connects uint64 // number of successful connects
	Failures uint64 // number of failed connections, refused datagrams, and errors passed to Report
	LogLost  uint64 // number of log lines that were lost because Config.Log or Logger was too slow or panicked

	Connected bool  // there is a connection now (for UDP, an open socket)
	LastError error // the last failure, or nil
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

// note changes the counters. change is called with the lock held.
func (q *queue) note(change func(s *Stats)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change(&q.stats)
}

func (q *queue) failed(err error) {
	q.note(func(s *Stats) { s.Failures++; s.LastError = err })
}
