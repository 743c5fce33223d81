// Package sink defines the interfaces between the daemon and its destinations.
//
// The daemon's outlets contain everything that all sinks need: the queue, the retries, the order of payloads, the spool
// and the counts. A sink contains only an encoding and a transport. An outlet uses a sink like this:
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

// Sink sends payloads to one destination. Each Sink is a PointSink or a RowSink. One goroutine encodes payloads
// while another goroutine calls Send and Close.
type Sink interface {
	// Send delivers a payload. The payload was encoded by this sink, or in an earlier process by a sink of the same
	// type. Send returns nil only when the receiver has accepted the whole payload. After any error except Refused,
	// the same payload is sent again. Send returns when ctx ends. It must not keep or change payload. The error
	// names the sink and its address.
	Send(ctx context.Context, payload []byte) error

	// Close closes the connections that Send kept open. The sink can be used again after that.
	Close() error
}

// PointSink is a Sink that encodes points.
type PointSink interface {
	Sink
	// AppendPoint appends p in the sink's encoding to dst, and returns the extended slice. dst is empty or was
	// returned by AppendPoint. AppendPoint may change earlier bytes in dst. If the encoding cannot represent a
	// point, dst is returned unchanged.
	AppendPoint(dst []byte, p metric.Point) []byte
}

// RowSink is a Sink that encodes rows. A row contains everything that is published for one name. The name, the
// tags and the statistics are separate.
type RowSink interface {
	Sink
	// AppendRow is like AppendPoint, but for a row. The row is valid only until AppendRow returns.
	AppendRow(dst []byte, r *metric.Row) []byte
}
