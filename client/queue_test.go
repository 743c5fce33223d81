package client

import "testing"

// What a burst needed is let go of when the queue is empty.
func TestQueueShrinks(t *testing.T) {
	q := newQueue(Config{MaxPacketSize: 10, QueueSize: 100})
	for range 90 {
		q.commit(append(q.begin(), "12345678\n"...), 1)
	}
	sent := 0
	for p, state := q.pop(true); state == queueReady; p, state = q.pop(true) {
		sent++
		q.done(p, len(p.buf))
	}
	if sent != 90 || len(q.free) > 16 {
		t.Errorf("%d packets were sent, and %d are kept", sent, len(q.free))
	}
}
