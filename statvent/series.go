package statvent

import (
	"iter"
	"slices"
	"strings"
	"sync"
)

// Calculator computes stats from the samples of a name. It yields pairs of a label and a value. There is at least
// one sample. All samples are finite and sorted in ascending order. The Calculator may change the slice. Values
// that are not finite are left out.
type Calculator func(samples []float64) iter.Seq2[string, float64]

// LabelFunc creates the name of a stat from the name of the samples and a label of the Calculator, such as
// "95th".
type LabelFunc func(name, label string) string

// Label replaces each "{0}" in name by label. If name contains no "{0}", it appends a dot and the label.
func Label(name, label string) string {
	if strings.Contains(name, "{0}") {
		return strings.ReplaceAll(name, "{0}", label)
	}
	return name + "." + label
}

// Percentiles is the default Calculator of a Registry. Its labels are median, 95th, 99th, 100th and mean. The
// p-th percentile of n samples is the k-th smallest sample. k is p*n/100, rounded down, but at least 1, as in
// statvent for Python.
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
		yield("mean", mean(samples))
	}
}

// mean returns the mean, which is always finite. If the sum of the samples would overflow, the samples are scaled
// first.
func mean(samples []float64) float64 {
	n := float64(len(samples))
	sum, scaled := 0.0, 0.0
	for _, s := range samples {
		sum += s
		scaled += s / n
	}
	if finite(sum) {
		return sum / n
	}
	return clamp(scaled)
}

// series contains the last samples of one name.
type series struct {
	label   LabelFunc
	mu      sync.Mutex
	samples []float64 // a ring buffer, once it is full
	oldest  int       // index of the oldest sample
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

// sorted returns a copy of the last samples in ascending order. The parameter window is the maximum
// number of returned samples.
func (s *series) sorted(window int) []float64 {
	s.mu.Lock()
	s.fit(window)
	samples := slices.Clone(s.samples)
	s.mu.Unlock()
	slices.Sort(samples)
	return samples
}

// fit changes the size of the ring buffer to the parameter window, and keeps the latest samples.
func (s *series) fit(window int) {
	if len(s.samples) <= window && s.oldest == 0 || len(s.samples) == window {
		return
	}
	inOrder := slices.Concat(s.samples[s.oldest:], s.samples[:s.oldest])
	s.samples = slices.Clone(inOrder[max(len(inOrder)-window, 0):])
	s.oldest = 0
}
