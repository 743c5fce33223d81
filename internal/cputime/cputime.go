// Package cputime measures the processor time of parts of a program.
//
//	var sending cputime.Meter
//	stop := sending.Start()
//	... // on this goroutine
//	stop()
//	sending.Total()
//
// During a measurement, the goroutine is locked to its operating system thread. A Meter measures only the time in which
// this thread runs on a processor, not the time in which it waits.
package cputime

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Meter adds up the processor time of one part of a program. It is safe for concurrent use.
type Meter struct{ total atomic.Int64 }

// Start starts to measure the processor time of the calling goroutine. The goroutine calls the
// function stop to end the measurement.
func (m *Meter) Start() (stop func()) {
	runtime.LockOSThread()
	start := Thread()
	return func() {
		m.total.Add(int64(max(Thread()-start, 0)))
		runtime.UnlockOSThread()
	}
}

// Total returns the processor time that was measured so far.
func (m *Meter) Total() time.Duration { return time.Duration(m.total.Load()) }

// Collector returns the processor time of the garbage collector. It does not include the time that
// other goroutines spend on assisting the collector.
func Collector() time.Duration {
	s := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(s)
	return time.Duration((s[0].Value.Float64() + s[1].Value.Float64()) * float64(time.Second))
}
