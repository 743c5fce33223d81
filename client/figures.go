package client

// figures makes lines of the client's own counters, see Config.StatsInterval. They
// do not go through the queue: it can be full. Only the sender uses them, and it
// may be nil.
type figures struct {
	client *Client
	told   Stats // sent before
	lines  []string
	ended  bool // the last lines are made
}

// renew makes lines of what was counted since the last call.
func (f *figures) renew() {
	if len(f.lines) > 0 {
		return
	}
	put := func(k kind, name string, n uint64) {
		line := append(f.client.appendHead(nil, k, name), whole(int64(n)).appendTo(nil, false)...)
		f.lines = append(f.lines, string(f.client.appendTail(line, k, nil, nil)))
	}
	s, told := f.client.Stats(), f.told
	now, before := s.DroppedSamples, told.DroppedSamples
	put(counter, "lines", s.Lines-told.Lines)
	put(counter, "sent", s.Sent-told.Sent)
	put(counter, "failures", s.Failures-told.Failures)
	put(counter, "dropped.queue_full", now.QueueFull-before.QueueFull)
	put(counter, "dropped.too_long", now.TooLong-before.TooLong)
	put(counter, "dropped.invalid", now.Invalid-before.Invalid)
	put(counter, "dropped.unsent", now.Unsent-before.Unsent)
	put(gauge, "queued", s.Queued)
	f.told = s
}

// next returns a packet of lines, or nil.
func (f *figures) next() (p *packet) {
	for f != nil && p == nil && len(f.lines) > 0 {
		p, f.lines = f.client.core.queue.own(f.lines)
	}
	return p
}

// end makes the last lines. It reports false if that was done before.
func (f *figures) end() bool {
	if f == nil || f.ended {
		return false
	}
	f.ended = true
	f.renew()
	return true
}
