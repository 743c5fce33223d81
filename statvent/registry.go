package statvent

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
)

// The number of samples that a Registry stores for each name: the default and the maximum.
const (
	DefaultWindow = 100
	MaxWindow     = 1 << 20
)

// Registry contains the stats of a program, or of a part of a program. The zero Registry is empty and ready to
// use. A Registry must not be copied after its first use.
//
// Invalid calls are dropped and counted (see Discarded). These are: a new name that is empty, longer than MaxName, or
// contains a newline; a new name when there are already MaxNames names; NaN and infinities; a float that would make a
// sum infinite.
type Registry struct {
	stats      table[stat]
	series     table[series]
	window     atomic.Int64 // 0 means DefaultWindow
	calculator atomic.Pointer[Calculator]
	discarded  atomic.Int64
}

// stat is one stat. Set replaces the number, so that a reader gets either the old or the new value.
type stat struct{ number atomic.Pointer[number] }

// Incr adds delta to a stat, which starts at 0. If the name exists, Incr takes no lock and allocates no memory.
// Integers overflow at 64 bits.
func (r *Registry) Incr(name string, delta int64) {
	if s := r.stat(name); s != nil {
		s.number.Load().add(delta)
	}
}

// IncrFloat adds delta to a stat, and permanently changes the stat to a float.
func (r *Registry) IncrFloat(name string, delta float64) {
	if !finite(delta) {
		r.discarded.Add(1)
		return
	}
	if s := r.stat(name); s != nil && !s.number.Load().addFloat(delta) {
		r.discarded.Add(1)
	}
}

// Set sets the value of a stat. A stat that is a float stays a float.
func (r *Registry) Set(name string, value int64) {
	if s := r.stat(name); s != nil {
		n := new(number)
		n.isFloat.Store(s.number.Load().isFloat.Load())
		n.first.Store(value)
		s.number.Store(n)
	}
}

// SetFloat sets the value of a stat, and permanently changes the stat to a float.
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

// Record adds a sample to a name. Only the last samples of a name are stored. The function Label
// creates the names of the stats that are computed from the samples: both "lat.{0}" and "lat"
// result in "lat.95th".
func (r *Registry) Record(name string, sample float64) {
	r.RecordFunc(name, sample, Label)
}

// RecordFunc is like Record, but with another function that creates the names of the stats. If the
// parameter label is nil, the function Label is used. The function in the first call for a name is
// used permanently.
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

// Resize sets the number of samples that are stored for each name, from 1 to MaxWindow. Existing names keep their
// latest samples.
func (r *Registry) Resize(window int) error {
	if window < 1 || window > MaxWindow {
		return fmt.Errorf("statvent: cannot keep %d samples for each name: the number must be between 1 and %d", window, MaxWindow)
	}
	r.window.Store(int64(window))
	return nil
}

// SetCalculator replaces Percentiles for all names, starting with the next snapshot.
func (r *Registry) SetCalculator(c Calculator) { r.calculator.Store(&c) }

// Discarded returns the number of calls that were dropped.
func (r *Registry) Discarded() int64 { return r.discarded.Load() }

// All returns a snapshot of all stats, including the stats that are computed from samples. It contains the
// effects of all earlier calls. If a stat and a computed stat have the same name, the computed stat is used. The
// map belongs to the caller.
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

// AppendText appends a snapshot in the format of the pipe, sorted by name. A LabelFunc can create names that are
// invalid in this format. AppendText leaves out these names. The error is always nil.
func (r *Registry) AppendText(dst []byte) ([]byte, error) {
	all := r.All()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if line, err := AppendLine(dst, name, all[name]); err == nil {
			dst = line
		}
	}
	return dst, nil
}

// stat returns the stat with this name. If there is no room or the name is invalid, it counts a discarded call
// and returns nil.
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
