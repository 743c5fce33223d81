package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// readOptions reads the options for the series that a rule maps to.
func (l *loader) readOptions(r *fileRule, rule *Rule) (err error) {
	if r.Mode != "" || r.Sign != "" {
		return errors.New("mode, gauge_sign: are allowed only in a file for --rules")
	}
	if !utf8.ValidString(r.HelpText) {
		return errors.New("help: is not valid UTF-8")
	}
	d, o := &l.set.Defaults, &rule.Options
	o.Scale = 1
	if r.Scale != nil {
		if o.Scale = *r.Scale; math.IsNaN(o.Scale) || math.IsInf(o.Scale, 0) {
			return fmt.Errorf("scale: must be a finite number, not %v", o.Scale)
		}
	}
	o.Observer = d.Observer
	typed := r.ObserverType != "" || l.file.Defaults.ObserverType != ""
	if r.ObserverType != "" {
		if o.Observer, err = observer(r.ObserverType); err != nil {
			return err
		}
	}
	switch {
	case typed && o.Observer == Histogram && r.Summary != nil:
		return errors.New("summary_options: need observer_type summary, not histogram")
	case typed && o.Observer == Summary && r.Histogram != nil:
		return errors.New("histogram_options: need observer_type histogram, not summary")
	}
	o.Quantiles, o.MaxAge, o.AgeBuckets, o.Bounds = d.Quantiles, d.MaxAge, d.AgeBuckets, d.Bounds
	o.NativeFactor, o.NativeMax = d.NativeFactor, d.NativeMax
	if r.Summary != nil {
		age, parts := d.MaxAge, d.AgeBuckets
		if !typed { // as in statsd_exporter, the file's defaults do not apply if there is no observer_type
			age, parts = defaultMaxAge, defaultAgeBuckets
		}
		if o.Quantiles, err = r.Summary.quantiles(d.Quantiles); err != nil {
			return err
		}
		if o.MaxAge, o.AgeBuckets, err = r.Summary.window(age, parts); err != nil {
			return err
		}
	}
	if r.Histogram != nil {
		r.Histogram.native(o)
		o.Bounds, err = r.Histogram.bounds(d.Bounds)
	}
	return err
}

func (s *fileSummary) set() bool {
	return len(s.Quantiles) > 0 || s.MaxAge != 0 || s.AgeBuckets != 0 || s.BufCap != 0
}

func (h *fileHistogram) set() bool {
	return len(h.Buckets) > 0 || h.NativeFactor != 0 || h.NativeMax != 0
}

// quantiles returns the quantiles of a summary without duplicates. If the rule has no quantiles, it
// returns the given default.
func (s *fileSummary) quantiles(none []float64) (qs []float64, err error) {
	if len(s.Quantiles) == 0 {
		return none, nil
	}
	for _, q := range s.Quantiles {
		if !(q.Quantile >= 0 && q.Quantile <= 1) {
			return nil, fmt.Errorf("quantiles: must be between 0 and 1, not %v", q.Quantile)
		}
		if !slices.Contains(qs, q.Quantile) {
			qs = append(qs, q.Quantile)
		}
	}
	if len(qs) > maxQuantiles {
		return nil, fmt.Errorf("quantiles: may have at most %d, not %d", maxQuantiles, len(qs))
	}
	slices.Sort(qs)
	return qs, nil
}

// window returns the length of the time window for quantiles, and its number of parts. The
// parameters age and parts are the defaults.
func (s *fileSummary) window(age time.Duration, parts int) (time.Duration, int, error) {
	switch {
	case s.MaxAge.short():
		return 0, 0, fmt.Errorf("max_age: %v is too short: give a duration with a unit, such as 10m", time.Duration(s.MaxAge))
	case s.MaxAge < 0:
		return 0, 0, fmt.Errorf("max_age: must be more than 0, not %v", time.Duration(s.MaxAge))
	case s.AgeBuckets > maxAges:
		return 0, 0, fmt.Errorf("age_buckets: must be at most %d, not %d", maxAges, s.AgeBuckets)
	}
	if s.MaxAge > 0 {
		age = time.Duration(s.MaxAge)
	}
	if s.AgeBuckets > 0 {
		parts = int(s.AgeBuckets)
	}
	return age, parts, nil
}

// The defaults for native buckets are the same as in statsd_exporter. If a file sets only one of the
// keys native_histogram_bucket_factor and native_histogram_max_buckets, the other key has its default.
const (
	defaultNativeFactor = 1.1
	defaultNativeMax    = 256
	maxNativeMax        = 4096
)

// native reads the keys for native buckets, if they are set.
func (h *fileHistogram) native(o *Options) {
	if h.NativeFactor != 0 {
		o.NativeFactor = h.NativeFactor
	}
	if h.NativeMax != 0 {
		o.NativeMax = int(min(h.NativeMax, maxNativeMax))
		if o.NativeFactor == 0 {
			o.NativeFactor = defaultNativeFactor
		}
	}
	if o.NativeMax == 0 {
		o.NativeMax = defaultNativeMax
	}
}

// bounds returns the upper bounds of the buckets without the infinite bound. If the file has no
// buckets, it returns the given default.
func (h *fileHistogram) bounds(none []float64) ([]float64, error) {
	bounds := h.Buckets
	if len(bounds) == 0 {
		return none, nil
	}
	if math.IsInf(bounds[len(bounds)-1], 1) {
		bounds = bounds[:len(bounds)-1]
	}
	if len(bounds) > maxBounds {
		return nil, fmt.Errorf("buckets: may have at most %d, not %d", maxBounds, len(bounds))
	}
	for i, b := range bounds {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= bounds[i-1] {
			return nil, fmt.Errorf("buckets: must be numbers in ascending order, not %v", h.Buckets)
		}
	}
	return bounds, nil
}
