// Package sinktest has sinks and receivers for tests. A Recorder is a sink that stores points in memory. A Server
// receives lines over TCP like carbon, and can simulate faults of networks and receivers.
//
//	rec := sinktest.NewRecorder()
//	rec.Fail(errors.New("down"))
//	// ... run the code that sends to rec ...
//	rec.Recover()
//	points, err := rec.Wait(ctx, 10)
package sinktest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

var _ sink.PointSink = (*Recorder)(nil)

// Point is a delivered point. Its Path shares no memory with the payload.
type Point struct {
	Path  string
	Value float64
	Time  int64
}

// Recorder is a sink that stores its points in memory. It is safe for concurrent use.
type Recorder struct {
	mu       sync.Mutex
	points   []Point
	payloads int
	attempts int
	closed   int
	fault    error         // if not nil, Send returns this error
	hang     chan struct{} // if not nil, Send waits until this channel is closed
	changed  chan struct{} // closed and replaced at each change of the Recorder
}

// NewRecorder returns a Recorder whose Send always succeeds.
func NewRecorder() *Recorder {
	return &Recorder{changed: make(chan struct{})}
}

// AppendPoint appends p in the Recorder's own format.
func (r *Recorder) AppendPoint(dst []byte, p metric.Point) []byte {
	dst = strconv.AppendQuote(dst, string(p.Path))
	dst = append(dst, ' ')
	dst = strconv.AppendFloat(dst, p.Value, 'g', -1, 64)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, p.Time, 10)
	return append(dst, '\n')
}

// Send stores the points of payload, unless Fail or Hang was called.
func (r *Recorder) Send(ctx context.Context, payload []byte) error {
	r.mu.Lock()
	r.attempts++
	r.announce()
	hang := r.hang
	r.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return fmt.Errorf("send to the recorder: %w", ctx.Err())
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != nil {
		return fmt.Errorf("send to the recorder: %w", r.fault)
	}
	points, err := parse(string(payload))
	if err != nil {
		return fmt.Errorf("send to the recorder: %w", err)
	}
	r.points = append(r.points, points...)
	r.payloads++
	r.announce()
	return nil
}

// Close counts the call.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed++
	r.announce()
	return nil
}

// Fail makes each Send return an error that wraps err, until Recover is called.
func (r *Recorder) Fail(err error) { r.set(err, nil) }

// Hang makes each Send wait until Recover or Fail is called or its context ends.
func (r *Recorder) Hang() { r.set(nil, make(chan struct{})) }

// Recover ends the effect of Fail and Hang. Waiting calls of Send succeed.
func (r *Recorder) Recover() { r.set(nil, nil) }

func (r *Recorder) set(fault error, hang chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hang != nil {
		close(r.hang)
	}
	r.fault, r.hang = fault, hang
}

// Points returns all points that were delivered so far, in order.
func (r *Recorder) Points() []Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.points)
}

// Payloads returns the number of successful calls of Send.
func (r *Recorder) Payloads() int { return r.get(&r.payloads) }

// Attempts returns the number of all calls of Send.
func (r *Recorder) Attempts() int { return r.get(&r.attempts) }

// Closed returns the number of calls of Close.
func (r *Recorder) Closed() int { return r.get(&r.closed) }

func (r *Recorder) get(n *int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *n
}

// Wait waits until at least n points were delivered, and returns all points. If ctx ends before that, it returns
// the points with an error.
func (r *Recorder) Wait(ctx context.Context, n int) ([]Point, error) {
	for {
		r.mu.Lock()
		points, changed := slices.Clone(r.points), r.changed
		r.mu.Unlock()
		if len(points) >= n {
			return points, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return points, fmt.Errorf("%d of %d points delivered: %w", len(points), n, ctx.Err())
		}
	}
}

// announce wakes up all waiting goroutines. The caller must hold mu.
func (r *Recorder) announce() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func parse(payload string) ([]Point, error) {
	var points []Point
	for line := range strings.Lines(payload) {
		path, rest, err := unquotePrefix(line)
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		p, err := parsePoint(path, strings.TrimSpace(rest))
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		points = append(points, p)
	}
	return points, nil
}

func unquotePrefix(line string) (path, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", "", err
	}
	path, err = strconv.Unquote(quoted)
	return path, line[len(quoted):], err
}
