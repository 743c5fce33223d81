package client

// Stats is what became of every line given to a client and to those derived
// from it, since it was made. At any moment
//
//	Lines == Sent + Queued + Dropped
//	Dropped == QueueFull + TooLong + Invalid + Unsent + AfterClose
//
// A call makes one line; a negative gauge makes two; samples merged by
// [Config.Aggregate] share one and are counted when it is queued; a sample
// left out by [Client.Sampled] makes none.
type Stats struct {
	Lines   uint64 // given to the client
	Sent    uint64 // taken by the kernel
	Queued  uint64 // waiting for the server
	Dropped uint64 // will never be sent

	QueueFull  uint64 // dropped: more waited than Config.QueueSize
	TooLong    uint64 // dropped: longer than Config.MaxPacketSize
	Invalid    uint64 // dropped: an empty name, member or type, a value that is NaN or infinite
	Unsent     uint64 // dropped: the network refused the datagram, or Close ended first
	AfterClose uint64 // dropped: given after Close

	Writes   uint64 // datagrams, or writes to a stream
	Bytes    uint64 // of payload written
	Connects uint64 // connections made
	Failures uint64 // connections that could not be made or broke, and datagrams refused
	LogLost  uint64 // lines that Config.Log was too slow to take

	Connected bool  // is there a connection now (for UDP: an open socket)
	LastError error // of the connection; nil if there was none
}

// Stats returns a consistent copy of the figures.
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
	s.Queued = q.waiting + q.cur.Load().len()
	s.Dropped = s.QueueFull + s.TooLong + s.Invalid + s.Unsent + s.AfterClose
	s.Lines = s.Sent + s.Queued + s.Dropped
	return s
}

// connected notes that there is a connection, disconnected that there is none.
func (q *queue) connected() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Connects++
	q.stats.Connected = true
}

func (q *queue) disconnected() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Connected = false
}

// failed counts an error of the network.
func (q *queue) failed(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Failures++
	q.stats.LastError = err
}

func (q *queue) logLost() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.LogLost++
}
