// Package load is a sink that keeps the values of the last minutes in memory, and serves them over HTTP. A client can
// request windows of several minutes, for example the values of the last 1, 5 or 15 minutes.
//
//	s, err := load.New(load.Config{Addr: "127.0.0.1:8082", Minutes: 60, MaxBytes: 256 << 20})
//	err = s.Open()
//	go s.Run(ctx)
//	...
//	s.Record(&collected) // for each name of a flush
//	s.EndInterval(sink.Interval{End: time.Now(), Percentiles: []float64{90}})
//
// The sink stores the collected values of names: sums, samples, and members of sets. These values can be combined into
// the values of a longer window, which is impossible with points. README.md describes the responses.
//
// # How the history is stored
//
// The flush writes each name and its totals into a batch: sums, bins of samples, and hashes of members. A goroutine of
// the sink converts the batch to a segment, in which names are replaced by numbers. When a minute is over, the goroutine
// merges the segments of this minute. A window is the sum of its segments. It is computed name by name while the
// response is written. Segments are immutable, so readers and the goroutine never wait for each other.
package load

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

var _ sink.Recorder = (*Sink)(nil)

// answerTimeout is the maximum time for a client to read a window.
const answerTimeout = 30 * time.Second

// Sink stores a history of values and serves windows of it. Make it with New.
type Sink struct {
	config Config
	server *httpgate.Server
	turn   chan struct{} // contains an element while a request computes a window

	// The flush uses two batches in turn. The field building is the batch that it fills. EndInterval
	// sends this batch to Run, which adds the batch to the history.
	writer   writer
	building *batch
	batches  chan *batch
	free     chan *batch
	history  *history

	percentiles              atomic.Pointer[[]float64]
	made, delivered, dropped atomic.Uint64
}

// New returns a Sink. Open makes it listen.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sink{
		config:   cfg,
		turn:     make(chan struct{}, 1),
		history:  newHistory(limits{cfg.Minutes, cfg.MaxBytes}, time.Now()),
		writer:   writer{max: cfg.MaxBytes / 8},
		building: &batch{},
		batches:  make(chan *batch, 2),
		free:     make(chan *batch, 2),
	}
	s.free <- &batch{}
	return s, nil
}

// Open listens on the configured address.
func (s *Sink) Open() (err error) {
	s.server, err = httpgate.Listen(httpgate.Config{Addr: s.config.Addr, Handler: s.handler(), AnswerTimeout: answerTimeout, Flag: "host in --sink"})
	return err
}

// Addr returns the address that the Sink listens on.
func (s *Sink) Addr() net.Addr { return s.server.Addr() }

// Close closes the listener.
func (s *Sink) Close() error { return s.server.Close() }

// Run adds recorded batches to the history, and serves windows, until ctx ends.
func (s *Sink) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- s.server.Run(ctx)
	}()
	s.keepAll(ctx)
	if err := <-served; err != nil {
		return fmt.Errorf("load sink on %s: %w", s.Addr(), err)
	}
	return nil
}

// keepAll adds recorded batches to the history until ctx ends.
func (s *Sink) keepAll(ctx context.Context) {
	for {
		select {
		case b := <-s.batches:
			s.keep(b)
		case <-ctx.Done():
			for len(s.batches) > 0 {
				s.keep(<-s.batches)
			}
			return
		}
	}
}

// keep adds a batch to the history. It returns the batch's memory to the flush, and only after that counts the
// batch as delivered. A test that sees the count can rely on free room for another batch.
func (s *Sink) keep(b *batch) {
	dropped := s.history.add(b)
	delivered := b.names - dropped
	b.empty()
	s.free <- b
	s.dropped.Add(uint64(dropped))
	s.delivered.Add(uint64(delivered))
}

// Record adds a name to the batch of the current flush.
func (s *Sink) Record(c *metric.Collected) { s.writer.add(s.building, c) }

// EndInterval sends the batch to Run. There are only two batches. If Run is still busy with the previous batch, this
// batch is dropped, and the next flush interval uses its memory.
func (s *Sink) EndInterval(i sink.Interval) {
	s.percentiles.Store(&i.Percentiles)
	b := s.building
	b.end = i.End
	s.made.Add(uint64(b.names + b.refused))
	s.dropped.Add(uint64(b.refused))
	select {
	case s.building = <-s.free:
		s.batches <- b
	default:
		s.dropped.Add(uint64(b.names))
		b.empty()
	}
}

// State implements sink.Observer.
func (s *Sink) State() sink.State {
	v := s.history.shown.Load()
	st := sink.State{
		Delivered: s.delivered.Load(),
		Dropped:   s.dropped.Load(),
		Names:     len(v.series),
		Minutes:   v.kept(v.minute),
		Bytes:     v.size,
		MaxBytes:  s.config.MaxBytes,
		Full:      "the history is full: see max-bytes of the sink",
	}
	st.Made = s.made.Load() // read last, so that Made is never less than the other counts
	return st
}
