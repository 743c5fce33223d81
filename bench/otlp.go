//go:build linux

package main

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"time"
)

// serveOTLP receives OTLP over HTTP on a port, until close is called.
func (c *carbon) serveOTLP(port string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(c.takeOTLP), ReadHeaderTimeout: giveUp}
	ctx, cancel := context.WithCancel(context.Background())
	c.ended = cancel
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }()
	return nil
}

// takeOTLP adds up the counters in one request.
func (c *carbon) takeOTLP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	message, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.totals.last) > pause {
		c.totals.flushStart = now
	}
	// The field numbers lead from the request through resource_metrics and scope_metrics to metrics;
	// see opentelemetry/proto/metrics/v1/metrics.proto.
	err = within(message, []int{1, 2, 2}, c.metric)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.totals.last = time.Now()
	c.totals.longestFlush = max(c.totals.longestFlush, c.totals.last.Sub(c.totals.flushStart))
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// metric reads a message of the type Metric. Field 1 is the name, field 7 is the Sum of a counter.
// The collector writes the name after the other fields.
func (c *carbon) metric(message []byte) error {
	c.totals.lines++
	var name, sum []byte
	err := fields(message, func(number int, value []byte) error {
		switch number {
		case 1:
			name = value
		case 7:
			sum = value
		}
		return nil
	})
	if err != nil || !c.counters.match(name) {
		return err
	}
	return within(sum, []int{1}, c.point)
}

// point reads a message of the type NumberDataPoint. Field 4 is the value as a double, field 6 is
// the value as an integer.
func (c *carbon) point(message []byte) error {
	return fields(message, func(number int, value []byte) error {
		if len(value) == 8 && number == 4 {
			c.totals.sum += math.Float64frombits(binary.LittleEndian.Uint64(value))
		}
		if len(value) == 8 && number == 6 {
			c.totals.sum += float64(int64(binary.LittleEndian.Uint64(value)))
		}
		return nil
	})
}

// within calls the function take for each message to which a path of field numbers leads.
func within(message []byte, path []int, take func([]byte) error) error {
	if len(path) == 0 {
		return take(message)
	}
	return fields(message, func(number int, value []byte) error {
		if number != path[0] {
			return nil
		}
		return within(value, path[1:], take)
	})
}

var errProtobuf = errors.New("not protobuf")

// fields calls the function take for each field of a protobuf message, with the bytes of its value.
// For a varint, the bytes are nil.
func fields(message []byte, take func(number int, value []byte) error) error {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return errProtobuf
		}
		before, size := sizeOf(key&7, message[n:])
		message = message[n:]
		if before < 0 || size > uint64(len(message)-before) {
			return errProtobuf
		}
		message = message[before:]
		if err := take(int(key>>3), message[:size]); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}

// sizeOf returns the size of a field's value, and the index at which the value begins. The index is
// negative if the message is damaged.
func sizeOf(kind uint64, message []byte) (before int, size uint64) {
	switch kind {
	case 0:
		if _, before = binary.Uvarint(message); before > 0 {
			return before, 0
		}
	case 1:
		return 0, 8
	case 2:
		if size, before = binary.Uvarint(message); before > 0 {
			return before, size
		}
	case 5:
		return 0, 4
	}
	return -1, 0
}
