// Package sink is the contract between the daemon and its destinations.
//
// The daemon's outlets own everything that sinks have in common: the queue, the retries, the order,
// the spool and the counts. A sink only knows one encoding and one transport:
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

// Sink sends points to one destination. One goroutine appends, another one sends and closes.
type Sink interface {
	// AppendPoint appends p in the sink's encoding to dst and returns the extended slice. dst is empty
	// or made by AppendPoint. Earlier bytes may change. A point that the format cannot carry leaves
	// dst unchanged.
	AppendPoint(dst []byte, p metric.Point) []byte

	// Send delivers a payload made by AppendPoint, now or by an earlier process. It returns nil only
	// when the receiver has taken all of it. After any error the same payload is sent again. It gives
	// up when ctx ends, and must not keep or change payload. The error names the sink and its address.
	Send(ctx context.Context, payload []byte) error

	// Close releases what Send kept open. The sink can be used again.
	Close() error
}
