package client

// ownStats encodes lines with the client's own counters: see Config.StatsInterval. These lines do not use the
// queue, because it can be full. Only the sender uses ownStats. It may be nil.
type ownStats struct {
	client *Client
	told   Stats // the counts at the last call of renew
	lines  []string
	ended  bool // the last lines were already encoded
}

// renew encodes lines with the counts since its last call.
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

// next returns a packet with lines, or nil.
func (o *ownStats) next() (p *packet) {
	for o != nil && p == nil && len(o.lines) > 0 {
		p, o.lines = o.client.core.queue.own(o.lines)
	}
	return p
}

// end encodes the last lines. It returns false if they were already encoded.
func (o *ownStats) end() bool {
	if o == nil || o.ended {
		return false
	}
	o.ended = true
	o.renew()
	return true
}
