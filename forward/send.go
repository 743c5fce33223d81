package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/partial"
	"github.com/statsd-ops/statsd/sink"
)

// maxInFlight is the maximum number of messages that are sent at the same time.
const maxInFlight = 64

// delivery is the progress in sending the current payload.
type delivery struct {
	payload string          // ID of the payload's first message
	done    map[string]bool // IDs of the messages that need not be sent again
	refused sink.Refused    // number of units that the engine refused
}

// Send sends the messages of a payload, many at the same time. If some of them fail, the next Send
// of the same payload sends only the failed ones. If the engine refuses messages permanently, the
// error is a *sink.Refused.
func (e *Edge) Send(ctx context.Context, payload []byte) error {
	if err := e.verify(ctx); err != nil {
		return err
	}
	d := &e.delivery
	messages := d.unsent(payload)
	results := make([]error, len(messages))
	var sending sync.WaitGroup
	room := make(chan struct{}, maxInFlight)
	for i := range messages {
		room <- struct{}{}
		sending.Go(func() {
			defer func() { <-room }()
			results[i] = e.sender.Send(ctx, messages[i].Message)
		})
	}
	sending.Wait()
	var failed error
	for i, err := range results {
		if no, final := errors.AsType[*link.RefusedError](err); final {
			d.refuse(no, messages[i].units)
		} else if err != nil {
			failed = err
			continue
		}
		d.done[messages[i].ID] = true
	}
	if failed == nil || errors.Is(failed, link.ErrFull) { // ErrFull also shows that the engine answers: it becomes full if there are no owners
		e.watch.answered.Store(time.Now().UnixNano())
	}
	if failed == nil && d.refused.Err != nil {
		refused := d.refused
		return &refused
	}
	return failed
}

// Close closes the connection to the engine.
func (e *Edge) Close() error { return e.sender.Close() }

// message is a message that must be sent, with the number of its units.
type message struct {
	link.Message
	units int
}

// unsent returns the messages of a payload that must still be sent.
func (d *delivery) unsent(payload []byte) (all []message) {
	first := true
	for m, err := range partial.Messages(payload) {
		var h partial.Header
		if err == nil {
			h, _, err = partial.Open(m)
		}
		id := h.ID()
		if first && (d.payload != id || err != nil) {
			d.payload, d.done, d.refused = id, map[string]bool{}, sink.Refused{}
		}
		first = false
		switch {
		case err != nil:
			d.refuse(err, 1)
		case !d.done[id]:
			all = append(all, message{link.Message{Partition: h.Partition, ID: id, Data: m}, h.Units()})
		}
	}
	return all
}

// refuse counts the units of a message that the engine refused permanently.
func (d *delivery) refuse(err error, units int) {
	d.refused.Err = err
	d.refused.Units += units
}

// verify checks that the cluster has the same settings as this daemon. The daemon's settings may
// come from an earlier run, and the cluster may have been created again since then.
func (e *Edge) verify(ctx context.Context) error {
	if e.verified.Load() {
		return nil
	}
	begun, known := e.Settings()
	if !known {
		return errUnanswered
	}
	now, err := e.ask(ctx)
	if err != nil {
		return err
	}
	if now != begun {
		return fmt.Errorf("the settings of the cluster have changed since this daemon started (number of partitions: now %d, before %d; other settings can differ too): restart the daemon",
			now.Partitions, begun.Partitions)
	}
	e.verified.Store(true)
	return nil
}
