package statvent

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
)

// The number of samples that a Registry keeps for each name: by default, and at most.
const (
	DefaultWindow = 100
	MaxWindow     = 1 << 20
)

// Registry holds the stats of a program, or of a part of it. The zero Registry is empty and
// ready. A Registry must not be copied after its first use.
//
// It drops and counts (Discarded) the following: a new name that is empty, is longer than MaxName
// or holds a newline; a new name beyond MaxNames; NaN and infinities; a float that would make a
// sum infinite.
type Registry struct {
	stats      table[stat]
	series     table[series]
	window     atomic.Int64 // 0 is DefaultWindow
	calculator atomic.Pointer[Calculator]
	discarded  atomic.Int64
}

// stat is one stat. Set swaps the number, so that a reader sees either the old or the new
// value.
type stat struct{ number atomic.Pointer[number] }

// Incr adds delta to a stat, which starts at 0. For a name that exists it takes no lock and
// allocates nothing. Integers wrap around at 64 bits.
func (r *Registry) Incr(name string, delta int64) {
	if s := r.stat(name); s != nil {
		s.number.Load().add(delta)
	}
}

// IncrFloat adds delta to a stat, and makes it a float permanently.
func (r *Registry) IncrFloat(name string, delta float64) {
	if !finite(delta) {
		r.discarded.Add(1)
		return
	}
	if s := r.stat(name); s != nil && !s.number.Load().addFloat(delta) {
		r.discarded.Add(1)
	}
}

// Set sets the value of a stat. A float stays a float.
func (r *Registry) Set(name string, value int64) {
	if s := r.stat(name); s != nil {
		n := new(number)
		n.isFloat.Store(s.number.Load().isFloat.Load())
		n.first.Store(value)
		s.number.Store(n)
	}
}

// SetFloat sets the value of a stat, and makes it a float permanently.
func (r *Registry) SetFloat(name string, value float64) {
	if !finite(value) {
		r.discarded.Add(1)
		return
	}
	if s := r.stat(name); s != nil {
		n := new(number)
		n.addFloat(value)
		s.number.Store(n)
	}
}

// Record adds a sample to name, which keeps the last ones. Label names the stats that are made
// from them: "lat.{0}" and "lat" both give "lat.95th".
func (r *Registry) Record(name string, sample float64) {
	r.RecordFunc(name, sample, Label)
}

// RecordFunc is Record with another function for the names of the stats. nil is Label. The
// function that came with the first sample of a name stays.
func (r *Registry) RecordFunc(name string, sample float64, label LabelFunc) {
	if !finite(sample) {
		r.discarded.Add(1)
		return
	}
	s := r.series.get(name)
	if s == nil {
		if label == nil {
			label = Label
		}
		var err error
		if s, err = r.series.add(name, &series{label: label}); err != nil {
			r.discarded.Add(1)
			return
		}
	}
	s.add(sample, r.samples())
}

// Resize sets how many samples each name keeps, from 1 to MaxWindow. Existing names keep their
// newest samples.
func (r *Registry) Resize(window int) error {
	if window < 1 || window > MaxWindow {
		return fmt.Errorf("statvent: cannot keep %d samples for each name: the number must be between 1 and %d", window, MaxWindow)
	}
	r.window.Store(int64(window))
	return nil
}

// SetCalculator replaces Percentiles for all names, from the next snapshot on.
func (r *Registry) SetCalculator(c Calculator) { r.calculator.Store(&c) }

// Discarded is the number of calls that were dropped.
func (r *Registry) Discarded() int64 { return r.discarded.Load() }

// All returns a snapshot of all stats, including those made from samples. It contains all that
// was done before the call. If a stat and a calculated one have the same name, the calculated
// one counts. The caller owns the map.
func (r *Registry) All() map[string]Value {
	all := make(map[string]Value)
	for name, s := range r.stats.all() {
		all[name] = s.number.Load().value()
	}
	calculate := Percentiles
	if c := r.calculator.Load(); c != nil && *c != nil {
		calculate = *c
	}
	for name, s := range r.series.all() {
		samples := s.sorted(r.samples())
		if len(samples) == 0 {
			continue // another goroutine is adding the first sample
		}
		for label, value := range calculate(samples) {
			if finite(value) {
				all[s.label(name, label)] = Float(value)
			}
		}
	}
	return all
}

// AppendText appends a snapshot in the format of the pipe, sorted by name. It leaves out names
// that the format cannot hold, which a LabelFunc can make. The error is always nil.
func (r *Registry) AppendText(dst []byte) ([]byte, error) {
	all := r.All()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if line, err := AppendLine(dst, name, all[name]); err == nil {
			dst = line
		}
	}
	return dst, nil
}

// stat returns the stat called name. It returns nil, and counts a discard, if there is no room
// or the name is bad.
func (r *Registry) stat(name string) *stat {
	if s := r.stats.get(name); s != nil {
		return s
	}
	fresh := new(stat)
	fresh.number.Store(new(number))
	s, err := r.stats.add(name, fresh)
	if err != nil {
		r.discarded.Add(1)
	}
	return s
}

func (r *Registry) samples() int {
	if n := r.window.Load(); n > 0 {
		return int(n)
	}
	return DefaultWindow
}
