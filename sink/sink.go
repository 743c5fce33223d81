// Package sink is the contract between the daemon and the places it publishes
// to.
//
// The daemon's outlets own everything that sinks have in common: the queue,
// the retries, the order, the spool and the counting. A sink knows one wire
// format and one way of carrying it, and nothing else:
//
//	for p := range points {
//		payload = s.AppendPoint(payload, p)
//	}
//	err := s.Send(ctx, payload)
package sink

import (
	"context"

	"github.com/statsd-ops/statsd/metric"
)

// Sink sends points to one place. One goroutine appends, and another one sends and closes.
type Sink interface {
	// AppendPoint appends p, encoded as this sink sends it, to dst, which is empty or was
	// made by AppendPoint, and returns the extended slice: a payload of one more point, in
	// which the bytes before may have changed. A point that the format cannot carry
	// leaves dst as it is.
	AppendPoint(dst []byte, p metric.Point) []byte

	// Send delivers a payload made by AppendPoint, now or by an earlier process.
	// It returns nil only when the receiver has taken all of it; after any
	// error the same payload will be offered again. It gives up when ctx
	// ends, and must not keep or change payload after it returns. The error
	// names the sink and its address.
	Send(ctx context.Context, payload []byte) error

	// Close lets go of what Send kept open. The sink can be used again.
	Close() error
}
