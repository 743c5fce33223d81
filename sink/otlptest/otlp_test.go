package otlptest

import (
	"compress/gzip"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	colmetrics "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/otlp"
)

func newSink(t testing.TB, cfg otlp.Config) *otlp.Sink {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "h:1"
	}
	s, err := otlp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const start, end = 1795251850, 1795251860

func row(kind metric.Kind, name, tags string) *metric.Row {
	return &metric.Row{Kind: kind, Name: []byte(name), Tags: []byte(tags), Start: start, Time: end}
}

func gauge(name, tags string, v float64) *metric.Row {
	r := row(metric.Gauge, name, tags)
	r.Stats = []metric.Stat{{Name: "value", Value: v}}
	return r
}

func encode(s *otlp.Sink, rows ...*metric.Row) (b []byte) {
	for _, r := range rows {
		b = s.AppendRow(b, r)
	}
	return b
}

func decode(t testing.TB, payload []byte) *colmetrics.ExportMetricsServiceRequest {
	t.Helper()
	var request colmetrics.ExportMetricsServiceRequest
	if err := proto.Unmarshal(payload, &request); err != nil {
		t.Fatalf("%x: %v", payload, err)
	}
	return &request
}

func attribute(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(v float64, attributes ...*common.KeyValue) []*metrics.NumberDataPoint {
	return []*metrics.NumberDataPoint{{
		StartTimeUnixNano: start * 1e9, TimeUnixNano: end * 1e9, Attributes: attributes,
		Value: &metrics.NumberDataPoint_AsDouble{AsDouble: v},
	}}
}

func gaugeMetric(name string, v float64, attributes ...*common.KeyValue) *metrics.Metric {
	return &metrics.Metric{Name: name, Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: number(v, attributes...)}}}
}

// TestEncoding decodes a payload with the generated types. The result must be exactly the encoded rows.
func TestEncoding(t *testing.T) {
	s := newSink(t, otlp.Config{Resource: map[string]string{"service.name": "web", "host.name": "a"}, Version: "1.2"})
	counter := row(metric.Counter, "hits", ";host=a;zone=b")
	counter.Sum = 2.5
	negative := row(metric.Counter, "negative", "")
	negative.Sum = -1
	timer := row(metric.Timer, "time", ";k=v")
	timer.Timer = &metric.Distribution{
		Count: 6, Sum: 12.5, Lower: -3, Upper: 9, Millis: true, Scale: -1, Zero: 1.5,
		Positive: metric.ExpBins{Offset: -2, Counts: []float64{1.5, 0, 1}},
		Negative: metric.ExpBins{Offset: 3, Counts: []float64{2}},
	}
	own := gauge("statsd.numStats", "", 7)
	own.Own = true
	got := decode(t, encode(s, counter, negative, gauge("g", "", -0.5), timer, row(metric.Timer, "idle", ""), gauge("\xff", "", 1), own))

	lower, upper, sum, zero := -3.0, 9.0, 12.5, 0.0
	resource := &resource.Resource{Attributes: []*common.KeyValue{attribute("host.name", "a"), attribute("service.name", "web")}}
	want := &colmetrics.ExportMetricsServiceRequest{ResourceMetrics: []*metrics.ResourceMetrics{
		{Resource: resource, ScopeMetrics: []*metrics.ScopeMetrics{{
			Scope: &common.InstrumentationScope{Name: "github.com/statsd-ops/statsd", Version: "1.2"},
			Metrics: []*metrics.Metric{
				{Name: "hits", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{
					DataPoints:             number(2.5, attribute("host", "a"), attribute("zone", "b")),
					AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA, IsMonotonic: true,
				}}},
				gaugeMetric("g", -0.5),
				{Name: "time", Unit: "ms", Data: &metrics.Metric_ExponentialHistogram{ExponentialHistogram: &metrics.ExponentialHistogram{
					AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
					DataPoints: []*metrics.ExponentialHistogramDataPoint{{
						Attributes: []*common.KeyValue{attribute("k", "v")}, StartTimeUnixNano: start * 1e9, TimeUnixNano: end * 1e9,
						Count: 6, Sum: &sum, Scale: -1, ZeroCount: 2, Min: &lower, Max: &upper,
						Positive: &metrics.ExponentialHistogramDataPoint_Buckets{Offset: -2, BucketCounts: []uint64{1, 0, 1}},
						Negative: &metrics.ExponentialHistogramDataPoint_Buckets{Offset: 3, BucketCounts: []uint64{2}},
					}},
				}}},
				{Name: "idle", Data: &metrics.Metric_ExponentialHistogram{ExponentialHistogram: &metrics.ExponentialHistogram{
					AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
					DataPoints:             []*metrics.ExponentialHistogramDataPoint{{StartTimeUnixNano: start * 1e9, TimeUnixNano: end * 1e9, Sum: &zero}},
				}}},
			},
		}}},
		{Resource: resource, ScopeMetrics: []*metrics.ScopeMetrics{{
			Scope:   &common.InstrumentationScope{Name: "statsd", Version: "1.2"},
			Metrics: []*metrics.Metric{gaugeMetric("statsd.numStats", 7)},
		}}},
	}}
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestSummary checks that timers are sent as Summary messages with quantiles if Config.Summaries is set.
func TestSummary(t *testing.T) {
	timer := row(metric.Timer, "time", ";k=v")
	timer.Timer = &metric.Distribution{Count: 3.4, Sum: 12}
	timer.Stats = []metric.Stat{{Name: "lower", Value: 1}, {Name: "mean", Value: 4}, {Name: "upper_99_9", Value: 8}, {Name: "lower_top10", Value: 2}, {Name: "upper_x", Value: 3}}
	got := decode(t, encode(newSink(t, otlp.Config{Summaries: true, Prefix: "p"}), timer)).ResourceMetrics[0].ScopeMetrics[0].Metrics[0]
	want := &metrics.Metric{Name: "p.time", Data: &metrics.Metric_Summary{Summary: &metrics.Summary{DataPoints: []*metrics.SummaryDataPoint{{
		Attributes: []*common.KeyValue{attribute("k", "v")}, StartTimeUnixNano: start * 1e9, TimeUnixNano: end * 1e9, Count: 3, Sum: 12,
		QuantileValues: []*metrics.SummaryDataPoint_ValueAtQuantile{{Quantile: 0, Value: 1}, {Quantile: 0.999, Value: 8}, {Quantile: 0.9, Value: 2}},
	}}}}}
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestRandomRows checks payloads of random rows: they can be decoded, contain each sendable row once, and the sum
// of the bins is correct.
func TestRandomRows(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	text := func(n int) string {
		b := make([]byte, random.IntN(n))
		for i := range b {
			b[i] = "ab.é;=\x00 "[random.IntN(9)]
		}
		return strings.ToValidUTF8(string(b), "")
	}
	for range 300 {
		s := newSink(t, otlp.Config{Summaries: random.IntN(2) == 0})
		var payload []byte
		sent := 0
		for range random.IntN(40) {
			r := row(metric.Kind(random.IntN(metric.Kinds)), text(300), "")
			if tags := text(200); tags != "" {
				r.Tags = []byte(";" + tags)
			}
			r.Own, r.Sum = random.IntN(3) == 0, random.NormFloat64()
			r.Stats = []metric.Stat{{Name: "value", Value: random.NormFloat64()}}[:random.IntN(2)]
			d := &metric.Distribution{Zero: random.Float64() * 3, Scale: random.IntN(30) - 10}
			for range random.IntN(300) {
				d.Positive.Counts = append(d.Positive.Counts, random.ExpFloat64())
			}
			r.Timer = d
			before := len(payload)
			payload = s.AppendRow(payload, r)
			if len(payload) > before {
				sent++
			}
		}
		found := 0
		for _, group := range decode(t, payload).ResourceMetrics {
			for _, m := range group.ScopeMetrics[0].Metrics {
				found++
				if h := m.GetExponentialHistogram(); h != nil {
					p := h.DataPoints[0]
					sum := p.ZeroCount
					for _, n := range p.Positive.GetBucketCounts() {
						sum += n
					}
					if sum != p.Count {
						t.Fatalf("the bins add up to %d, the count is %d", sum, p.Count)
					}
				}
			}
		}
		if found != sent {
			t.Fatalf("%d metrics, want %d", found, sent)
		}
	}
}

// receiver is an OTLP collector that uses the generated types.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	names  []string
	posts  int
	answer func(posts, metrics int) (code int, answer *colmetrics.ExportMetricsServiceResponse)
}

func serve(t *testing.T, answer func(posts, metrics int) (int, *colmetrics.ExportMetricsServiceResponse)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	unpacked, err := gzip.NewReader(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, _ := io.ReadAll(unpacked)
	var export colmetrics.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &export); err != nil || request.URL.Path != "/v1/metrics" || request.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	var names []string
	for _, group := range export.ResourceMetrics {
		for _, m := range group.ScopeMetrics[0].Metrics {
			names = append(names, m.Name)
		}
	}
	r.posts++
	code, answer := r.answer(r.posts, len(names))
	if code == http.StatusOK {
		r.names = append(r.names, names...)
	}
	b, _ := proto.Marshal(answer)
	w.WriteHeader(code)
	_, _ = w.Write(b)
}

func (r *receiver) addr() string { return strings.TrimPrefix(r.URL, "http://") }

// TestTooLarge checks that a payload that is too large is sent in parts. After an error, parts that were already
// accepted are not sent again. A single metric that is too large is refused.
func TestTooLarge(t *testing.T) {
	for name, tt := range map[string]struct {
		limit    int // maximum number of metrics in a POST request
		failAt   int // number of the request that is answered with 503
		refused  int
		sends    int
		received int
	}{
		"halves":          {limit: 5, received: 10, sends: 1},
		"single metrics":  {limit: 1, received: 10, sends: 1},
		"none fits":       {limit: 0, refused: 10, sends: 1},
		"error in a part": {limit: 3, failAt: 5, received: 10, sends: 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := serve(t, func(posts, n int) (int, *colmetrics.ExportMetricsServiceResponse) {
				switch {
				case posts == tt.failAt:
					return http.StatusServiceUnavailable, nil
				case n > tt.limit:
					return http.StatusRequestEntityTooLarge, nil
				}
				return http.StatusOK, nil
			})
			s := newSink(t, otlp.Config{Addr: r.addr()})
			var rows []*metric.Row
			for i := range 10 {
				g := gauge(string(rune('a'+i)), "", 1)
				g.Own = i >= 7
				rows = append(rows, g)
			}
			payload := encode(s, rows...)
			var err error
			sends := 0
			for {
				sends++
				err = s.Send(t.Context(), payload)
				if _, final := errors.AsType[*sink.Refused](err); err == nil || final || sends > 5 {
					break
				}
			}
			refused := 0
			if final, ok := errors.AsType[*sink.Refused](err); ok {
				refused = final.Units
			}
			if refused != tt.refused || sends != tt.sends || len(r.names) != tt.received {
				t.Errorf("%d sends, %d refused (%v), received %v", sends, refused, err, r.names)
			}
			if got := strings.Join(r.names, ""); tt.received > 0 && got != "abcdefghij" {
				t.Errorf("received %s", got)
			}
		})
	}
}

// TestPartialSuccess uses a receiver that accepts a payload but rejects some data points. The rejected points
// must be counted, and the error must contain the receiver's message.
func TestPartialSuccess(t *testing.T) {
	r := serve(t, func(int, int) (int, *colmetrics.ExportMetricsServiceResponse) {
		return http.StatusOK, &colmetrics.ExportMetricsServiceResponse{PartialSuccess: &colmetrics.ExportMetricsPartialSuccess{RejectedDataPoints: 2, ErrorMessage: "too\nold"}}
	})
	s := newSink(t, otlp.Config{Addr: r.addr()})
	err := s.Send(t.Context(), encode(s, gauge("a", "", 1), gauge("b", "", 1), gauge("c", "", 1)))
	refused, ok := errors.AsType[*sink.Refused](err)
	if !ok || refused.Units != 2 || !strings.Contains(err.Error(), "rejected 2 data points: too") {
		t.Errorf("%v", err)
	}
}

// TestAllocations checks that encoding allocates no memory once the buffer is large enough.
func TestAllocations(t *testing.T) {
	s := newSink(t, otlp.Config{})
	counter := row(metric.Counter, "hits", ";host=a")
	counter.Sum = 1
	buffer := make([]byte, 0, 1<<16)
	if n := testing.AllocsPerRun(100, func() { _ = encode2(s, buffer, counter) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func encode2(s *otlp.Sink, buffer []byte, r *metric.Row) []byte {
	return s.AppendRow(s.AppendRow(buffer[:0], r), r)
}

func BenchmarkAppendRow(b *testing.B) {
	s := newSink(b, otlp.Config{})
	counter := row(metric.Counter, "web.requests.count", ";host=a")
	counter.Sum = 1
	buffer := make([]byte, 0, 1<<20)
	for b.Loop() {
		if buffer = s.AppendRow(buffer, counter); len(buffer) > 1<<19 {
			buffer = buffer[:0]
		}
	}
}

// BenchmarkGenerated measures the generated types, for comparison with the hand-written encoder.
func BenchmarkGenerated(b *testing.B) {
	m := &metrics.Metric{Name: "web.requests.count", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{
		DataPoints: number(math.Pi, attribute("host", "a")), AggregationTemporality: 1, IsMonotonic: true,
	}}}
	for b.Loop() {
		_, _ = proto.Marshal(m)
	}
}
