package client

// ownStats makes lines from the client's own counters, see Config.StatsInterval. They do not go
// through the queue, because it can be full. Only the sender uses it. It may be nil.
type ownStats struct {
	client *Client
	told   Stats // counts at the last renew
	lines  []string
	ended  bool // whether the last lines are made
}

// renew makes lines from the counts since the last call.
func (o *ownStats) renew() {
	if len(o.lines) > 0 {
		return
	}
	put := func(k kind, name string, n uint64) {
		line := append(o.client.appendHead(nil, k, name), whole(int64(n)).appendTo(nil, false)...)
		o.lines = append(o.lines, string(o.client.appendTail(line, k, nil, nil)))
	}
	s, told := o.client.Stats(), o.told
	now, before := s.DroppedSamples, told.DroppedSamples
	put(counter, "lines", s.Lines-told.Lines)
	put(counter, "sent", s.Sent-told.Sent)
	put(counter, "failures", s.Failures-told.Failures)
	put(counter, "dropped.queue_full", now.QueueFull-before.QueueFull)
	put(counter, "dropped.too_long", now.TooLong-before.TooLong)
	put(counter, "dropped.invalid", now.Invalid-before.Invalid)
	put(counter, "dropped.unsent", now.Unsent-before.Unsent)
	put(gauge, "queued", s.Queued)
	o.told = s
}

// next returns a packet of lines, or nil.
func (o *ownStats) next() (p *packet) {
	for o != nil && p == nil && len(o.lines) > 0 {
		p, o.lines = o.client.core.queue.own(o.lines)
	}
	return p
}

// end makes the last lines. It returns false if they are already made.
func (o *ownStats) end() bool {
	if o == nil || o.ended {
		return false
	}
	o.ended = true
	o.renew()
	return true
}
