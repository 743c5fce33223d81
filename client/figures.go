package client

import (
	"sync"
	"time"
)

// figures sends the client's own counters, see Config.StatsInterval.
type figures struct {
	client *Client
	tick   *time.Ticker

	mu   sync.Mutex
	told Stats // what was sent before
}

func newFigures(c *Client, interval time.Duration) *figures {
	if interval == 0 {
		return nil
	}
	return &figures{client: c.With("statsd_client"), tick: time.NewTicker(interval)}
}

// due delivers a value when it is time to send.
func (f *figures) due() <-chan time.Time {
	if f == nil {
		return nil
	}
	return f.tick.C
}

// send queues what was counted since the last call. It does not wait for room.
func (f *figures) send() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, told := f.client.Stats(), f.told
	now, before := s.DroppedSamples, told.DroppedSamples
	for _, c := range []struct {
		name        string
		now, before uint64
	}{
		{"lines", s.Lines, told.Lines},
		{"sent", s.Sent, told.Sent},
		{"writes", s.Writes, told.Writes},
		{"bytes", s.Bytes, told.Bytes},
		{"connects", s.Connects, told.Connects},
		{"failures", s.Failures, told.Failures},
		{"log_lost", s.LogLost, told.LogLost},
		{"dropped.queue_full", now.QueueFull, before.QueueFull},
		{"dropped.too_long", now.TooLong, before.TooLong},
		{"dropped.invalid", now.Invalid, before.Invalid},
		{"dropped.unsent", now.Unsent, before.Unsent},
	} {
		if c.now > c.before {
			f.put(counter, c.name, whole(int64(c.now-c.before)))
		}
	}
	f.put(gauge, "queued", whole(int64(s.Queued)))
	f.told = s
}

func (f *figures) put(k kind, name string, v value) {
	c := f.client
	c.core.putNumber(string(c.appendHead(nil, k, name)), v, c.enc.tail[k], true)
}

func (f *figures) stop() {
	if f != nil {
		f.tick.Stop()
	}
}
