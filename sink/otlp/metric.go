package otlp

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
)

const nanoseconds = 1e9 // nanoseconds per second

// appendMetric appends a row as a Metric message. It appends nothing if OTLP cannot represent the row.
func (s *Sink) appendMetric(dst []byte, r *metric.Row) []byte {
	if !sendable(r) {
		return dst
	}
	dst, start := open(dst, scopeMetricsMetrics)
	dst = s.appendName(dst, r.Name)
	switch r.Kind {
	case metric.Counter:
		dst, data := open(dst, metricSum)
		dst = appendNumber(dst, r, r.Sum)
		dst = appendVarint(dst, temporality, deltaTemporality)
		dst = appendVarint(dst, monotonic, 1)
		closeAt(dst, data)
		closeAt(dst, start)
		return dst
	case metric.Timer:
		dst = s.appendTimer(dst, r)
	default:
		var data int
		dst, data = open(dst, metricGauge)
		dst = appendNumber(dst, r, r.Stats[0].Value)
		closeAt(dst, data)
	}
	closeAt(dst, start)
	return dst
}

// sendable reports whether OTLP can represent a row.
func sendable(r *metric.Row) bool {
	if len(r.Name) == 0 || !utf8.Valid(r.Name) || !utf8.Valid(r.Tags) {
		return false
	}
	switch r.Kind {
	case metric.Counter:
		return r.Sum >= 0
	case metric.Timer:
		return true
	}
	return len(r.Stats) > 0
}

func (s *Sink) appendName(dst, name []byte) []byte {
	if s.prefix == "" {
		return appendBytes(dst, metricName, name)
	}
	length := len(s.prefix) + 1 + len(name)
	dst = append(dst, metricName)
	for length >= 0x80 {
		dst = append(dst, byte(length)|0x80)
		length >>= 7
	}
	dst = append(append(dst, byte(length)), s.prefix...)
	return append(append(dst, '.'), name...)
}

// appendNumber appends a NumberDataPoint message.
func appendNumber(dst []byte, r *metric.Row, value float64) []byte {
	dst, start := open(dst, dataPoints)
	dst = appendFixed(dst, numberStart, uint64(r.Start)*nanoseconds)
	dst = appendFixed(dst, numberTime, uint64(r.Time)*nanoseconds)
	dst = appendDouble(dst, numberDouble, value)
	dst = appendTags(dst, numberAttributes, r.Tags)
	closeAt(dst, start)
	return dst
}

// appendTags appends tags as attributes.
func appendTags(dst []byte, tag byte, tags []byte) []byte {
	if len(tags) == 0 {
		return dst
	}
	for pair := range bytes.SplitSeq(tags[1:], []byte{';'}) {
		if key, value, _ := bytes.Cut(pair, []byte{'='}); len(key) > 0 {
			dst = appendAttribute(dst, tag, key, value)
		}
	}
	return dst
}

// appendTimer appends the data of a timer.
func (s *Sink) appendTimer(dst []byte, r *metric.Row) []byte {
	d := r.Timer
	if d == nil {
		d = &metric.Distribution{}
	}
	if d.Millis {
		dst = appendBytes(dst, metricUnit, "ms")
	}
	if s.summaries {
		return appendSummary(dst, r, d)
	}
	dst, data := open(dst, metricExpHistogram)
	dst, start := open(dst, dataPoints)
	dst = appendTags(dst, expAttributes, r.Tags)
	dst = appendFixed(dst, expStart, uint64(r.Start)*nanoseconds)
	dst = appendFixed(dst, expTime, uint64(r.Time)*nanoseconds)
	dst = appendDouble(dst, expSum, d.Sum)
	dst = appendVarint(dst, expScale, zigzag(d.Scale))
	total := 0.0
	dst = appendFixed(dst, expZeroCount, roundOn(&total, d.Zero))
	dst = appendBuckets(dst, expPositive, &d.Positive, &total)
	dst = appendBuckets(dst, expNegative, &d.Negative, &total)
	dst = appendFixed(dst, expCount, uint64(math.Round(total)))
	if d.Count > 0 {
		dst = appendDouble(dst, expMin, d.Lower)
		dst = appendDouble(dst, expMax, d.Upper)
	}
	closeAt(dst, start)
	dst = appendVarint(dst, temporality, deltaTemporality)
	closeAt(dst, data)
	return dst
}

// appendSummary appends the data of a timer as a Summary message. The percentile thresholds are sent as
// quantiles.
func appendSummary(dst []byte, r *metric.Row, d *metric.Distribution) []byte {
	dst, data := open(dst, metricSummary)
	dst, start := open(dst, dataPoints)
	dst = appendFixed(dst, summaryStart, uint64(r.Start)*nanoseconds)
	dst = appendFixed(dst, summaryTime, uint64(r.Time)*nanoseconds)
	dst = appendFixed(dst, summaryCount, uint64(math.Round(d.Count)))
	dst = appendDouble(dst, summarySum, d.Sum)
	for _, stat := range r.Stats {
		q, ok := quantile(stat.Name)
		if !ok {
			continue
		}
		var at int
		dst, at = open(dst, summaryQuantiles)
		dst = appendDouble(dst, quantileQuantile, q)
		dst = appendDouble(dst, quantileValue, stat.Value)
		closeAt(dst, at)
	}
	dst = appendTags(dst, summaryAttributes, r.Tags)
	closeAt(dst, start)
	closeAt(dst, data)
	return dst
}

// quantile returns the quantile for the name of a statistic, for example 0.999 for upper_99_9 and 0.1 for
// lower_top90.
func quantile(name string) (float64, bool) {
	switch name {
	case "lower":
		return 0, true
	case "upper":
		return 1, true
	case "median":
		return 0.5, true
	}
	text, top := strings.CutPrefix(name, "lower_top")
	if !top {
		var found bool
		if text, found = strings.CutPrefix(name, "upper_"); !found {
			return 0, false
		}
	}
	q, err := strconv.ParseFloat(strings.Replace(text, "_", ".", 1)+"e-2", 64)
	if top {
		q = 1 - q
	}
	return q, err == nil
}
