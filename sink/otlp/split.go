package otlp

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"

	"github.com/statsd-ops/statsd/sink"
)

// progress records which part of a payload the receiver has already got. After an error, the next Send of the
// same payload continues after this part.
type progress struct {
	payload uint64 // hash of the payload
	metrics int    // number of metrics that the receiver has accepted or refused so far
	refused int    // number of metrics that the receiver has refused
	part    int    // number of metrics per part; 0 if the payload was not too large
}

var seed = maphash.MakeSeed()

// sendFrom sends the remaining part of a payload. It first sends all of it at once. If the receiver answers that this
// is too large, sendFrom sends halves, then quarters, and so on.
func (s *Sink) sendFrom(ctx context.Context, payload []byte) error {
	hash := maphash.Bytes(seed, payload)
	if s.sent.payload != hash {
		s.sent = progress{payload: hash}
	}
	if s.sent.part == 0 {
		err := s.post(ctx, payload)
		if !tooLarge(err) {
			return err
		}
		s.sent.part = max(count(payload)/2, 1)
	}
	var last error
	for all := count(payload); s.sent.metrics < all; {
		n := min(s.sent.part, all-s.sent.metrics)
		err := s.post(ctx, part(payload, s.sent.metrics, n))
		refused, final := errors.AsType[*sink.Refused](err)
		switch {
		case tooLarge(err) && n > 1:
			s.sent.part = max(n/2, 1)
			continue
		case err != nil && !final:
			return err
		case final && (refused.Units == 0 || refused.Units > n):
			s.sent.refused += n
		case final:
			s.sent.refused += refused.Units
		}
		if final {
			last = refused.Err
		}
		s.sent.metrics += n
	}
	if s.sent.refused > 0 {
		return &sink.Refused{Err: last, Units: s.sent.refused}
	}
	return nil
}

// uvarint is like binary.Uvarint, but returns size 0 if b does not start with a valid varint.
func uvarint(b []byte) (v uint64, size int) {
	v, size = binary.Uvarint(b)
	return v, max(size, 0)
}

// field splits a message into its first field and the remaining bytes. The field must have the wire type for
// bytes. ok is false at the end of the message, and for data that this sink never writes.
func field(b []byte) (tag byte, content, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, nil, false
	}
	n, size := uvarint(b[1:])
	if size == 0 || n > uint64(len(b)-1-size) {
		return 0, nil, nil, false
	}
	content = b[1+size : 1+size+int(n)]
	return b[0], content, b[1+size+int(n):], true
}

// eachMetric calls visit for each Metric message in a payload, with the head of the group that contains it.
func eachMetric(payload []byte, visit func(resource, scope, metric []byte)) {
	for {
		_, group, rest, ok := field(payload)
		if !ok {
			return
		}
		payload = rest
		_, resource, scopes, ok := field(group)
		if !ok {
			continue
		}
		_, metrics, _, ok := field(scopes)
		if !ok {
			continue
		}
		_, scope, metrics, ok := field(metrics)
		for ok {
			var m []byte
			if _, m, metrics, ok = field(metrics); ok {
				visit(resource, scope, m)
			}
		}
	}
}

// count returns the number of metrics in a payload.
func count(payload []byte) (n int) {
	eachMetric(payload, func(_, _, _ []byte) { n++ })
	return n
}

// part returns a payload with n metrics of another payload. It begins with the metric that has the
// index from.
func part(payload []byte, from, n int) (b []byte) {
	at := 0
	var last []byte // scope of the current group; each group has a different scope
	var start, scopeAt int
	eachMetric(payload, func(resource, scope, metric []byte) {
		if at++; at <= from || at > from+n {
			return
		}
		if last == nil || string(last) != string(scope) {
			b, start = open(b, requestResourceMetrics)
			b = appendBytes(b, resourceMetricsResource, resource)
			b, scopeAt = open(b, resourceMetricsScope)
			b = appendBytes(b, scopeMetricsScope, scope)
			last = scope
		}
		b = appendBytes(b, scopeMetricsMetrics, metric)
		closeAt(b, scopeAt)
		closeAt(b, start)
	})
	return b
}

// rejected parses an ExportMetricsServiceResponse message. It returns the number of rejected data points and the
// reason.
func rejected(answer []byte) (n int, why string) {
	const partialSuccess, rejectedPoints, errorMessage = 1<<3 | bytesType, 1<<3 | varint, 2<<3 | bytesType
	tag, partial, _, ok := field(answer)
	if !ok || tag != partialSuccess {
		return 0, ""
	}
	for len(partial) > 0 {
		if partial[0] == rejectedPoints {
			v, size := uvarint(partial[1:])
			if size == 0 {
				return n, why
			}
			n, partial = int(min(v, 1<<31)), partial[1+size:]
			continue
		}
		tag, content, rest, ok := field(partial)
		if !ok {
			return n, why
		}
		if tag == errorMessage {
			why = string(content)
		}
		partial = rest
	}
	return n, why
}
