package client

import (
	"slices"
	"sync/atomic"
	"time"
)

// Counter is a counter with its name, tags and rate encoded once. A nil or zero
// Counter does nothing.
type Counter struct{ h handle }

// Counter returns a handle for a counter. Keep it: making it allocates, using
// it does not.
func (c *Client) Counter(name string, tags ...string) *Counter {
	return &Counter{c.handle(counter, name, tags)}
}

// Incr counts one.
func (h *Counter) Incr() { h.Add(1) }

// Decr counts minus one.
func (h *Counter) Decr() { h.Add(-1) }

// Add counts n.
func (h *Counter) Add(n int64) {
	if h != nil {
		h.h.send(whole(n))
	}
}

// Gauge is a gauge with its name and tags encoded once. A nil or zero Gauge
// does nothing.
type Gauge struct{ h handle }

// GaugeOf returns a handle for a gauge.
func (c *Client) GaugeOf(name string, tags ...string) *Gauge {
	return &Gauge{c.handle(gauge, name, tags)}
}

// Set sets the gauge, to a negative value as [Client.Gauge] does.
func (h *Gauge) Set(v float64) {
	if h != nil {
		h.h.send(decimal(v))
	}
}

// Add adds delta to the gauge. It is never sampled.
func (h *Gauge) Add(delta float64) {
	if h != nil {
		h.h.send(adjustment(delta))
	}
}

// Timer is a timer with its name, tags and rate encoded once. Any number of
// measurements may run at a time. A nil or zero Timer sends nothing.
//
//	defer stats.Timer("checkout").Start().Stop()
type Timer struct{ h handle }

// Timer returns a handle for a timer.
func (c *Client) Timer(name string, tags ...string) *Timer {
	return &Timer{c.handle(timer, name, tags)}
}

// Record records a duration that was measured elsewhere.
func (h *Timer) Record(d time.Duration) {
	if h != nil {
		h.h.send(millis(d))
	}
}

// Start starts a measurement.
func (h *Timer) Start() Stopwatch { return Stopwatch{h, time.Now()} }

// Time records how long f takes, even if it panics.
func (h *Timer) Time(f func()) {
	defer h.Start().Stop()
	f()
}

// Stopwatch is one running measurement of a [Timer].
type Stopwatch struct {
	timer *Timer
	start time.Time
}

// Stop records the time since Start and returns it. Each call records anew.
func (s Stopwatch) Stop() time.Duration {
	d := time.Since(s.start)
	s.timer.Record(d)
	return d
}

// handle is what the three have in common.
type handle struct {
	client     *Client // nil if it does nothing
	s          sample  // all but the value
	head, tail string
	series     [2]atomic.Pointer[series] // where the aggregator's tables merge it; changed under aggregator.mu
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

// send is Client.send with most of it done.
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
	c.core.putNumber(h.head, v, h.tail)
}
