// Package cputime measures the processor time of parts of a program.
//
//	var sending cputime.Meter
//	stop := sending.Start()
//	... // on this goroutine
//	stop()
//	sending.Total()
//
// A measured goroutine is locked to its thread meanwhile, and only time in which the thread runs
// counts.
package cputime

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Meter adds up the processor time of one part. It is safe for concurrent use.
type Meter struct{ total atomic.Int64 }

// Start begins to measure the goroutine that calls it, until it calls stop.
func (m *Meter) Start() (stop func()) {
	runtime.LockOSThread()
	start := Thread()
	return func() {
		m.total.Add(int64(max(Thread()-start, 0)))
		runtime.UnlockOSThread()
	}
}

// Total returns the processor time so far.
func (m *Meter) Total() time.Duration { return time.Duration(m.total.Load()) }

// Collector returns the processor time of the garbage collector, without its work on the threads
// of other goroutines.
func Collector() time.Duration {
	s := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(s)
	return time.Duration((s[0].Value.Float64() + s[1].Value.Float64()) * float64(time.Second))
}
