package client

import "sync"

// ownStats sends the client's own counters, see Config.StatsInterval.
type ownStats struct {
	client *Client

	mu   sync.Mutex
	told Stats // sent before
}

// send queues what was counted since the last call. It does not wait for room.
func (o *ownStats) send() {
	o.mu.Lock()
	defer o.mu.Unlock()
	put := func(k kind, name string, n uint64) {
		head := string(o.client.appendHead(nil, k, name))
		o.client.core.putNumber(head, whole(int64(n)), o.client.enc.tail[k], true)
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
