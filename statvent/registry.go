package statvent

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
)

// The number of samples that a name keeps: of a new Registry, and at most.
const (
	DefaultWindow = 100
	MaxWindow     = 1 << 20
)

// Registry holds the figures of a program, or of a part of it. The zero
// Registry is empty and ready. A Registry must not be copied after its first
// use.
//
// What it cannot keep is dropped and counted (Discarded): a new name that is
// empty, longer than MaxName, holds a newline or is one more than MaxNames;
// a NaN, an infinity, and a float that would make a sum infinite.
type Registry struct {
	stats      table[stat]
	series     table[series]
	window     atomic.Int64 // 0 is DefaultWindow
	calculator atomic.Pointer[Calculator]
	discarded  atomic.Int64
}

// stat is one figure. Setting it swaps the number, so that a reader sees the
// value before or the value after.
type stat struct{ number atomic.Pointer[number] }

// Incr adds delta to the figure name, which starts at 0. On a name that exists
// it takes no lock and allocates nothing. Integers wrap around at 64 bits.
func (r *Registry) Incr(name string, delta int64) {
	if s := r.stat(name); s != nil {
		s.number.Load().add(delta)
	}
}

// IncrFloat adds delta to the figure name, which is a float from then on.
func (r *Registry) IncrFloat(name string, delta float64) {
	if !finite(delta) {
		r.discarded.Add(1)
		return
	}
	if s := r.stat(name); s != nil && !s.number.Load().addFloat(delta) {
		r.discarded.Add(1)
	}
}

// Set makes value the value of the figure name.
func (r *Registry) Set(name string, value int64) {
	if s := r.stat(name); s != nil {
		n := new(number)
		n.isFloat.Store(s.number.Load().isFloat.Load())
		n.first.Store(value)
		s.number.Store(n)
	}
}

// SetFloat makes value the value of the figure name, which is a float from then
// on.
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

// Record adds a sample to the last samples of name. The figures that are made
// of them are named by Label: "lat.{0}" and "lat" both give "lat.95th".
func (r *Registry) Record(name string, sample float64) {
	r.RecordFunc(name, sample, Label)
}

// RecordFunc is Record with names made by label, for names that mean something
// else by "{0}". The label of the name's first sample stays; nil is Label.
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

// Resize sets how many samples each name keeps, 1 to MaxWindow: of the names
// that are there the newest stay.
func (r *Registry) Resize(window int) error {
	if window < 1 || window > MaxWindow {
		return fmt.Errorf("statvent: cannot keep %d samples a name: 1 to %d are possible", window, MaxWindow)
	}
	r.window.Store(int64(window))
	return nil
}

// SetCalculator replaces Percentiles for all names, from the next look on.
func (r *Registry) SetCalculator(c Calculator) { r.calculator.Store(&c) }

// Discarded is the number of calls that changed nothing.
func (r *Registry) Discarded() int64 { return r.discarded.Load() }

// All is a snapshot of the figures, those made of samples among them: what was
// done before the call is in it. Where two have one name, the calculated one
// counts. The map is the caller's.
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
			continue // its first sample is on the way
		}
		for label, value := range calculate(samples) {
			if finite(value) {
				all[s.label(name, label)] = Float(value)
			}
		}
	}
	return all
}

// AppendText appends a snapshot in the pipe's format, sorted by name. A name
// that the format cannot carry, as a LabelFunc may make, is left out. The error
// is always nil.
func (r *Registry) AppendText(dst []byte) ([]byte, error) {
	all := r.All()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if line, err := AppendLine(dst, name, all[name]); err == nil {
			dst = line
		}
	}
	return dst, nil
}

// stat is the figure called name, or nil if it had to be discarded.
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
