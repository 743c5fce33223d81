package peertest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	page "github.com/statsd-ops/statsd/sink/prometheus"
)

const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

// get returns the metric families on the page of a sink, parsed with Prometheus' parsers.
func get(t *testing.T, s *page.Sink, accept string) map[string]*dto.MetricFamily {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/metrics", nil)
	r.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]*dto.MetricFamily{}
	if format := expfmt.ResponseFormat(answer.Header); format.FormatType() != expfmt.TypeProtoDelim {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		if families, err = parser.TextToMetricFamilies(bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		return families
	}
	decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.ResponseFormat(answer.Header))
	for {
		f := &dto.MetricFamily{}
		if err := decoder.Decode(f); errors.Is(err, io.EOF) {
			return families
		} else if err != nil {
			t.Fatal(err)
		}
		families[f.GetName()] = f
	}
}

// TestProtobufPage compares the page in protobuf format with the page in text format, for random
// names, values and mappings. Both are parsed with Prometheus' parsers.
func TestProtobufPage(t *testing.T) {
	for seed := range uint64(60) {
		s := randomPage(t, seed)
		if s == nil {
			continue
		}
		text, binary := get(t, s, "text/plain"), get(t, s, protobuf)
		if len(text) != len(binary) {
			t.Fatalf("seed %d: %d families in text, %d in protobuf", seed, len(text), len(binary))
		}
		for name, f := range binary {
			if name == "statsd_page_scrapes_total" {
				continue
			}
			for _, m := range f.Metric { // remove the fields that the text format does not contain
				slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return bytes.Compare([]byte(a.GetName()), []byte(b.GetName())) })
				plainHistogram(m.Histogram)
				if m.Summary != nil {
					slices.SortFunc(m.Summary.Quantile, func(a, b *dto.Quantile) int { return int(math.Copysign(1, a.GetQuantile()-b.GetQuantile())) })
				}
			}
			for _, m := range text[name].GetMetric() {
				slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return bytes.Compare([]byte(a.GetName()), []byte(b.GetName())) })
				if h := m.Histogram; h != nil { // remove the infinite bucket, because protobuf omits it
					plainHistogram(h)
					h.Bucket = slices.DeleteFunc(h.Bucket, func(b *dto.Bucket) bool { return math.IsInf(b.GetUpperBound(), 1) })
				}
			}
			if want := text[name]; !proto.Equal(f, want) && !sameNumbers(f, want) {
				t.Fatalf("seed %d: protobuf has\n%v\ntext has\n%v", seed, f, want)
			}
		}
	}
}

// plainHistogram removes the fields that the text format does not contain: native buckets, and
// fractional counts.
func plainHistogram(h *dto.Histogram) {
	if h == nil {
		return
	}
	h.Schema, h.ZeroThreshold, h.ZeroCount, h.ZeroCountFloat = nil, nil, nil, nil
	h.NegativeSpan, h.NegativeDelta, h.NegativeCount, h.PositiveSpan, h.PositiveDelta, h.PositiveCount = nil, nil, nil, nil, nil, nil
	if h.SampleCountFloat != nil {
		h.SampleCount, h.SampleCountFloat = new(uint64(*h.SampleCountFloat)), nil
	}
	for _, b := range h.Bucket {
		if b.CumulativeCountFloat != nil {
			b.CumulativeCount, b.CumulativeCountFloat = new(uint64(*b.CumulativeCountFloat)), nil
		}
	}
}

// sameNumbers reports whether two families are equal except for fractional counts. The counts of
// summaries are rounded in protobuf, and are truncated by text parsers.
func sameNumbers(a, b *dto.MetricFamily) bool {
	if b == nil || len(a.Metric) != len(b.Metric) {
		return false
	}
	near := func(a, b uint64) bool { return math.Abs(float64(a)-float64(b)) <= 1+1e-9*float64(a) }
	a, b = proto.Clone(a).(*dto.MetricFamily), proto.Clone(b).(*dto.MetricFamily)
	for i, m := range a.Metric {
		n := b.Metric[i]
		if m.Summary != nil && n.Summary != nil && near(m.Summary.GetSampleCount(), n.Summary.GetSampleCount()) {
			n.Summary.SampleCount = m.Summary.SampleCount
			for k, q := range m.Summary.Quantile { // NaN differs from itself, so replace it
				if math.IsNaN(q.GetValue()) && k < len(n.Summary.Quantile) && math.IsNaN(n.Summary.Quantile[k].GetValue()) {
					q.Value, n.Summary.Quantile[k].Value = nil, nil
				}
			}
		}
		if m.Histogram == nil || n.Histogram == nil || len(m.Histogram.Bucket) != len(n.Histogram.Bucket) {
			continue
		}
		if near(m.Histogram.GetSampleCount(), n.Histogram.GetSampleCount()) {
			n.Histogram.SampleCount = m.Histogram.SampleCount
		}
		for k, bucket := range m.Histogram.Bucket {
			if near(bucket.GetCumulativeCount(), n.Histogram.Bucket[k].GetCumulativeCount()) {
				n.Histogram.Bucket[k].CumulativeCount = bucket.CumulativeCount
			}
		}
	}
	return proto.Equal(a, b)
}

// TestNativeBuckets compares native histograms with the histograms of client_golang, which
// statsd_exporter uses.
func TestNativeBuckets(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		factor, most := []float64{1.1, 1.5, 2, 3, 20, 1e6, 1.003}[rng.IntN(7)], 4+rng.IntN(200)
		s := openPage(t, "defaults: {observer_type: histogram, histogram_options: {native_histogram_bucket_factor: "+number(factor)+", native_histogram_max_buckets: "+number(float64(most))+"}}")
		theirs := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", NativeHistogramBucketFactor: factor, NativeHistogramMaxBucketNumber: uint32(most)})
		for range 3 {
			c := metric.Collected{Kind: metric.Timer, Name: []byte("x")}
			for range 1 + rng.IntN(100) {
				v := math.Exp(rng.NormFloat64()*3) * []float64{1, 1, 1, -1, 0, 1e-50}[rng.IntN(6)]
				if rng.IntN(5) == 0 {
					v = math.Ldexp(1, rng.IntN(20)-10) // values that are exactly the bounds of buckets
				}
				c.Samples = append(c.Samples, v)
				c.Sum += v
				theirs.Observe(v)
			}
			c.Weight = float64(len(c.Samples))
			s.Record(&c)
			s.EndInterval(sink.Interval{End: time.Now()})
		}
		ours := get(t, s, protobuf)["x"].GetMetric()[0].GetHistogram()
		var m dto.Metric
		if err := theirs.Write(&m); err != nil {
			t.Fatal(err)
		}
		want := m.GetHistogram()
		if ours.GetSampleCount() != want.GetSampleCount() || ours.GetZeroCount() != want.GetZeroCount() || ours.GetZeroThreshold() != want.GetZeroThreshold() {
			t.Fatalf("seed %d: counts %v, want %v", seed, ours, want)
		}
		// client_golang makes its buckets wider after each sample if necessary, so its histogram can have
		// a coarser schema.
		for ours.GetSchema() > want.GetSchema() {
			t.Fatalf("seed %d: schema %d, want %d", seed, ours.GetSchema(), want.GetSchema())
		}
		if ours.GetSchema() == want.GetSchema() && (!equalBuckets(ours.PositiveSpan, ours.PositiveDelta, want.PositiveSpan, want.PositiveDelta) ||
			!equalBuckets(ours.NegativeSpan, ours.NegativeDelta, want.NegativeSpan, want.NegativeDelta)) {
			t.Fatalf("seed %d: buckets\n%v\nwant\n%v", seed, ours, want)
		}
	}
}

// equalBuckets compares sparse buckets by their indexes. client_golang fills short gaps with empty
// buckets.
func equalBuckets(spans []*dto.BucketSpan, deltas []int64, otherSpans []*dto.BucketSpan, otherDeltas []int64) bool {
	read := func(spans []*dto.BucketSpan, deltas []int64) map[int32]int64 {
		all, index, count := map[int32]int64{}, int32(0), int64(0)
		for _, span := range spans {
			index += span.GetOffset()
			for range span.GetLength() {
				count += deltas[0]
				deltas = deltas[1:]
				if count > 0 {
					all[index] = count
				}
				index++
			}
		}
		return all
	}
	a, b := read(spans, deltas), read(otherSpans, otherDeltas)
	for index, count := range a {
		if b[index] != count {
			return false
		}
	}
	return len(a) == len(b)
}
