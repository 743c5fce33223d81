package aggregate

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// Histogram counts the samples of timers in bins of different size.
type Histogram struct {
	// Substring selects the timers whose names contain it. If it is empty, all timers are selected.
	Substring string
	// Bounds are the upper limits of the bins, in ascending order. A sample belongs to the first bin
	// whose bound is greater than the sample. The last bound can be infinite. If Bounds is empty,
	// there is no histogram.
	Bounds []float64
}

// ParseHistogram parses a text such as "substring:1,2.21,inf".
func ParseHistogram(text string) (h Histogram, err error) {
	substring, bounds, ok := strings.Cut(text, ":")
	if !ok {
		return h, fmt.Errorf("must be SUBSTRING:BOUNDS such as render:0.1,1,10,inf, not %q", text)
	}
	h.Substring = substring
	for bound := range strings.SplitSeq(bounds, ",") {
		if bound == "" && bounds == "" {
			break
		}
		v, err := strconv.ParseFloat(bound, 64)
		if err != nil || math.IsNaN(v) {
			return h, fmt.Errorf("%q: the bound %q is not a number (the last bound may be inf)", text, bound)
		}
		h.Bounds = append(h.Bounds, v)
	}
	return h, h.validate()
}

const (
	maxHistograms = 100
	maxBounds     = 100
)

func (h *Histogram) validate() error {
	for i, bound := range h.Bounds {
		if math.IsInf(bound, -1) || i > 0 && !(bound > h.Bounds[i-1]) {
			return fmt.Errorf("%s: the bound %v must be larger than the bound before it, and not -inf", h.Substring, bound)
		}
	}
	if len(h.Bounds) > maxBounds {
		return fmt.Errorf("%s: may have at most %d bounds", h.Substring, maxBounds)
	}
	return nil
}

func (l *Layout) validateHistograms() error {
	if len(l.Histograms) > maxHistograms {
		return metric.FlagErrorf("--histogram", nil, "may be given at most %d times", maxHistograms)
	}
	for i, h := range l.Histograms {
		if err := h.validate(); err != nil {
			return metric.FlagErrorf("--histogram", nil, "%w", err)
		}
		same := func(other Histogram) bool { return other.Substring == h.Substring }
		if slices.ContainsFunc(l.Histograms[:i], same) {
			return metric.FlagErrorf("--histogram", h.Substring, "given twice for the same names")
		}
	}
	return nil
}

// fits reports whether the histogram applies to the timer. If several histograms of a Layout fit, only the first of
// them is used.
func (h *Histogram) fits(series []byte) bool {
	name, _ := metric.CutTags(series)
	return h.Substring == "" || bytes.Contains(name, []byte(h.Substring))
}

// bin returns the index of a sample's bin, or len(h.Bounds) if the sample is in no bin.
func (h *Histogram) bin(v float64) int {
	i, equal := slices.BinarySearch(h.Bounds, v)
	if equal {
		i++
	}
	return i
}
