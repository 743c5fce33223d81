package otlp

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"

	"github.com/statsd-ops/statsd/sink"
)

// progress records how much of a payload was sent in parts. A Send that is repeated after an error does not send these
// parts again.
type progress struct {
	payload uint64 // hash of the payload
	metrics int    // number of metrics that were accepted or refused
	refused int    // how many of these were refused
	part    int    // number of metrics in a part; 0: the payload was not too large
}

var seed = maphash.MakeSeed()

// sendFrom sends the rest of a payload: all of it at first, and in halves, quarters and so on while the
// receiver finds these too large.
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

// uvarint is binary.Uvarint, with a size of 0 if b does not begin with a varint.
func uvarint(b []byte) (v uint64, size int) {
	v, size = binary.Uvarint(b)
	return v, max(size, 0)
}

// field splits a message into its first field, whose content is bytes, and the rest. ok is false at the
// end, and for anything that this sink does not write.
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

// eachMetric calls visit with each Metric of a payload and the fields of its group before it.
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

// count returns the number of metrics of a payload.
func count(payload []byte) (n int) {
	eachMetric(payload, func(_, _, _ []byte) { n++ })
	return n
}

// part returns a payload of n metrics from index from on.
func part(payload []byte, from, n int) (b []byte) {
	at := 0
	var last []byte // the scope of the open group; each group has another scope
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

// rejected reads an ExportMetricsServiceResponse. It returns the number of rejected data points, and the reason.
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
