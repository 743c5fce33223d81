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

// Sink sends payloads to one destination. Each Sink is a PointSink or a RowSink. One goroutine
// appends, another one sends and closes.
type Sink interface {
	// Send delivers a payload that the sink encoded, now or in an earlier process. It returns nil only when the
	// receiver has accepted all of the payload. After an error the same payload is sent again, except after a Refused.
	// Send gives up when ctx ends, and must not keep or change payload. The error names the sink and its address.
	Send(ctx context.Context, payload []byte) error

	// Close closes connections that Send kept open. The sink can be used again.
	Close() error
}

// PointSink encodes points.
type PointSink interface {
	Sink
	// AppendPoint appends p in the sink's encoding to dst and returns the extended slice. dst is empty
	// or made by AppendPoint. Earlier bytes may change. A point that the format cannot carry leaves
	// dst unchanged.
	AppendPoint(dst []byte, p metric.Point) []byte
}

// RowSink encodes rows. A row holds everything that one name publishes, with name, tags and statistics separate.
type RowSink interface {
	Sink
	// AppendRow is like AppendPoint, for a row. The row is valid until AppendRow returns.
	AppendRow(dst []byte, r *metric.Row) []byte
}
