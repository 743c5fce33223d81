package client

import (
	"slices"
	"sync/atomic"
	"time"
)

// Counter is a handle for a counter. Its name, tags and rate are encoded only once. A nil or zero Counter does
// nothing.
type Counter struct{ h handle }

// NewCounter returns a handle for a counter. Keep the handle: creating it allocates memory, using it does not.
func (c *Client) NewCounter(name string, tags ...string) *Counter {
	return &Counter{c.handle(counter, name, tags)}
}

// Incr adds 1 to the counter.
func (h *Counter) Incr() { h.Add(1) }

// Decr subtracts n from the counter.
func (h *Counter) Decr(n int64) { h.Add(minus(n)) }

// Add adds n to the counter.
func (h *Counter) Add(n int64) {
	if h != nil {
		h.h.send(whole(n))
	}
}

// Gauge is a handle for a gauge. Its name and tags are encoded only once. A nil or zero Gauge does nothing.
type Gauge struct{ h handle }

// NewGauge returns a handle for a gauge.
func (c *Client) NewGauge(name string, tags ...string) *Gauge {
	return &Gauge{c.handle(gauge, name, tags)}
}

// Set sets the gauge. A negative value is sent as in [Client.Gauge].
func (h *Gauge) Set(v float64) {
	if h != nil {
		h.h.send(decimal(v))
	}
}

// Add adds delta to the gauge. Deltas are never sampled.
func (h *Gauge) Add(delta float64) {
	if h != nil {
		h.h.send(adjustment(delta))
	}
}

// Timer is a handle for a timer. Its name, tags and rate are encoded only once. Any number of measurements can
// run at the same time. A nil or zero Timer sends nothing.
type Timer struct{ h handle }

// NewTimer returns a handle for a timer.
func (c *Client) NewTimer(name string, tags ...string) *Timer {
	return &Timer{c.handle(timer, name, tags)}
}

// Record records a duration.
func (h *Timer) Record(d time.Duration) {
	if h != nil {
		h.h.send(millis(d))
	}
}

// Start starts a measurement.
func (h *Timer) Start() Stopwatch { return Stopwatch{timer: h, start: time.Now()} }

// Time records how long f takes, even if it panics.
func (h *Timer) Time(f func()) {
	defer h.Start().Stop()
	f()
}

// Stopwatch is a running measurement.
type Stopwatch struct {
	start  time.Time
	timer  *Timer
	client *Client // set if the Stopwatch was made without a Timer
	name   string
	tags   []string
}

// Stopwatch starts a measurement for the timer called name. It allocates nothing.
//
//	defer stats.Stopwatch("checkout").Stop()
func (c *Client) Stopwatch(name string, tags ...string) Stopwatch {
	return Stopwatch{start: time.Now(), client: c, name: name, tags: tags}
}

// Stop returns the time since the start, and records it in the timer. If Stop is called several
// times, each call records a time.
func (s Stopwatch) Stop() time.Duration {
	d := time.Since(s.start)
	if s.timer != nil {
		s.timer.Record(d)
	} else {
		s.client.Timing(s.name, d, s.tags...)
	}
	return d
}

// handle is the common part of Counter, Gauge and Timer.
type handle struct {
	client     *Client // nil if the handle does nothing
	s          sample  // the sample, without its value
	head, tail string
	series     [2]atomic.Pointer[series] // the series in each of the aggregator's two tables; changed under aggregator.mu
}

func (c *Client) handle(k kind, name string, tags []string) handle {
	if !c.on() {
		return handle{}
	}
	return handle{
		client: c,
		s:      sample{kind: k, name: name, rate: c.rate, tags: slices.Clone(tags)},
		head:   string(c.appendHead(nil, k, name)),
		tail:   string(c.appendTail(nil, k, appendRate(nil, c.rate), tags)),
	}
}

// send is like Client.send, but the name, tags and rate are already encoded.
func (h *handle) send(v value) {
	c := h.client
	if c == nil {
		return
	}
	if h.s.name == "" || !v.valid() || c.rate != 0 && v.form == formDelta {
		c.send(h.s.kind, h.s.name, v, h.s.tags)
		return
	}
	if c.rate != 0 && c.skip() || c.core.agg != nil && c.core.agg.addHandle(h, v) {
		return
	}
	c.core.putNumber(h.head, v, h.tail, false)
}
