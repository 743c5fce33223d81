package statvent

import (
	"iter"
	"slices"
	"strings"
	"sync"
)

// Calculator turns the samples of one name into figures: labels and values.
// The samples are in ascending order, at least one, finite, and the
// Calculator's own. A value that is not finite is left out.
type Calculator func(samples []float64) iter.Seq2[string, float64]

// LabelFunc makes the name of a figure from the name of its samples and a label
// of the Calculator, such as "95th".
type LabelFunc func(name, label string) string

// Label puts label in the place of each "{0}" in name, or after a dot at its
// end if there is none.
func Label(name, label string) string {
	if strings.Contains(name, "{0}") {
		return strings.ReplaceAll(name, "{0}", label)
	}
	return name + "." + label
}

// Percentiles is the Calculator of a new Registry: median, 95th, 99th and 100th,
// and mean. The p-th percentile of n samples is the k-th smallest, k = p*n/100
// cut to an integer and at least 1, as statvent for Python has it; the mean is
// a float even of integers.
func Percentiles(samples []float64) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, p := range [...]struct {
			percent int
			label   string
		}{{50, "median"}, {95, "95th"}, {99, "99th"}, {100, "100th"}} {
			k := max(p.percent*len(samples)/100, 1)
			if !yield(p.label, samples[k-1]) {
				return
			}
		}
		sum := 0.0
		for _, s := range samples {
			sum += s
		}
		yield("mean", sum/float64(len(samples)))
	}
}

// series holds the last samples of one name.
type series struct {
	label   LabelFunc
	mu      sync.Mutex
	samples []float64 // a ring once it is full
	oldest  int       // where the ring begins
}

func (s *series) add(sample float64, window int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fit(window)
	if len(s.samples) < window {
		s.samples = append(s.samples, sample)
		return
	}
	s.samples[s.oldest] = sample
	s.oldest = (s.oldest + 1) % window
}

// sorted is a copy of the last samples, window at most, in ascending order.
func (s *series) sorted(window int) []float64 {
	s.mu.Lock()
	s.fit(window)
	samples := slices.Clone(s.samples)
	s.mu.Unlock()
	slices.Sort(samples)
	return samples
}

// fit makes a ring of another size fit the window: the newest samples stay.
func (s *series) fit(window int) {
	if len(s.samples) <= window && s.oldest == 0 || len(s.samples) == window {
		return
	}
	inOrder := slices.Concat(s.samples[s.oldest:], s.samples[:s.oldest])
	s.samples = slices.Clone(inOrder[max(len(inOrder)-window, 0):])
	s.oldest = 0
}
