package prometheus

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
)

// TestSparseBuckets checks that each value is within the bounds of its bucket. It also checks that each bucket of
// a schema consists of whole buckets of the next finer schema.
func TestSparseBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		v := math.Exp(rng.NormFloat64() * 50)
		if rng.IntN(4) == 0 {
			v = math.Ldexp(1, rng.IntN(200)-100)
		}
		schema := int8(rng.IntN(maxSchema-minSchema+1) + minSchema)
		i := sparseIndex(v, schema)
		base := math.Exp2(math.Exp2(-float64(schema)))
		upper, lower := math.Pow(base, float64(i)), math.Pow(base, float64(i-1))
		const rounding = 1e-9
		if v > upper*(1+rounding) || v <= lower*(1-rounding) {
			t.Fatalf("%v is in bucket %d of schema %d: above %v up to %v", v, i, schema, lower, upper)
		}
		if schema > minSchema {
			if coarse := sparseIndex(v, schema-1); coarse != (i+1)>>1 {
				t.Fatalf("%v is in bucket %d of schema %d, and in %d of the next coarser one", v, i, schema, coarse)
			}
		}
	}
	for factor, want := range map[float64]int8{1.1: 3, 2: 0, 1.5: 1, 4: -1, 1e9: -4, 1.0001: 8} {
		if schema, ok := schemaOf(factor); !ok || schema != want {
			t.Errorf("the factor %v gives schema %d, want %d", factor, schema, want)
		}
	}
	for _, factor := range []float64{0, 1, -3, math.NaN()} {
		if _, ok := schemaOf(factor); ok {
			t.Errorf("the factor %v gives native buckets", factor)
		}
	}
}

// TestNativeBucketsAreLimited checks that the number of buckets is limited, and that no event is lost at the
// limit.
func TestNativeBucketsAreLimited(t *testing.T) {
	n := &native{schema: maxSchema}
	total := 0.0
	for i := range 200 {
		c := metric.Collected{Kind: metric.Timer, Samples: []float64{math.Exp(float64(i - 100)), -math.Exp(float64(i)), 0}, Weight: 3}
		n = n.with(&c, unit{scale: 1}, 20)
		total += 3
		if buckets := len(n.positive) + len(n.negative); buckets > 20 && n.schema > minSchema || n.count() != total {
			t.Fatalf("%d buckets of schema %d, %v events of %v", buckets, n.schema, n.count(), total)
		}
	}
}

// TestReloadNative checks that native buckets continue after a reload if their options are unchanged. If the
// options have changed, the series starts again at 0.
func TestReloadNative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := "mappings:\n- {match: t, name: t, observer_type: histogram, histogram_options: {native_histogram_bucket_factor: %v}}"
		cfg := mapped(t, fmt.Sprintf(rules, 1.1))
		d := startReloading(t, cfg)
		counts := func() (counts []float64) {
			for _, n := range d.current.natives {
				counts = append(counts, n.count())
			}
			return counts
		}
		d.flush("t:1:2|h")
		writeMapping(t, cfg.Mapping, fmt.Sprintf(rules, 1.1)+"\n# again")
		d.reload(cfg)
		d.flush() // the flush switches to the new rules
		d.flush("t:3|h")
		if got := counts(); len(got) != 1 || got[0] != 3 {
			t.Errorf("after a reload there are %v events", got)
		}
		writeMapping(t, cfg.Mapping, fmt.Sprintf(rules, 2))
		d.reload(cfg)
		d.flush() // the flush switches to the new rules
		d.flush("t:3|h")
		if got := counts(); len(got) != 1 || got[0] != 1 || !strings.Contains(d.page(), "t_count 1\n") {
			t.Errorf("with another factor there are %v events", got)
		}
	})
}

// TestNegotiation checks that a client gets protobuf if its Accept header names protobuf and prefers it.
func TestNegotiation(t *testing.T) {
	const proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/plain": false, proto: true, "application/*": false,
		proto + ",application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": true,
		proto + ";q=0.3,text/plain;q=0.5": false, proto + ";q=0": false, "application/vnd.google.protobuf": false,
		"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5": false,
	} {
		if got := takesProto([]string{accept}); got != want {
			t.Errorf("Accept %q: protobuf %v", accept, got)
		}
	}
}

func TestProtobufOverHTTP(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, limits)
	url := d.serve()
	d.flush("a:1|c", "t:5|ms")
	for _, encoding := range []string{"", "gzip"} {
		r, _ := http.NewRequest("GET", url+"/metrics", nil)
		r.Header.Set("Accept", protoType)
		r.Header.Set("Accept-Encoding", encoding)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if h := answer.Header; answer.StatusCode != 200 || h.Get("Content-Type") != protoType || h.Get("Content-Encoding") != encoding {
			t.Errorf("encoding %q: %s %v", encoding, answer.Status, h)
		}
	}
	if answer, text := ask(t, "GET", url+"/metrics", "gzip"); answer.Header.Get("Content-Type") != contentType || !strings.Contains(text, "\na 1\n") {
		t.Errorf("the text after protobuf: %v", answer.Header)
	}
}

// TestRealNativeHistograms lets a real Prometheus scrape native histograms, with whole and with fractional
// counts.
func TestRealNativeHistograms(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	cfg := mapped(t, "defaults: {observer_type: histogram, histogram_options: {native_histogram_bucket_factor: 1.1}}")
	cfg.Own, cfg.Addr = true, counterpart.FreeAddress(t).String()
	p := counterpart.StartPrometheus(t, fmt.Sprintf(scrapeConfig, cfg.Addr), "--enable-feature=native-histograms")
	d := startDaemon(t, cfg)
	d.serve()
	value := func(query string) float64 {
		for _, s := range p.Query(query) {
			return s.Value
		}
		return math.NaN()
	}
	rng := rand.New(rand.NewPCG(1, 1))
	sent := 0.0
	wait.Until(t, "Prometheus has no native histogram with all samples", func() bool {
		lines := make([]string, 50)
		for i := range lines {
			lines[i] = fmt.Sprintf("whole:%v|h", 100*rng.Float64())
		}
		sent += float64(len(lines))
		d.flush(append(lines, "part:5|h|@0.3", "below:-5|h", "below:0|h", "count:1|c")...)
		return sent > 500 && value("histogram_count(whole)") > 500
	})
	for query, want := range map[string]float64{
		"histogram_quantile(0.5, whole)":              50,
		"histogram_sum(whole)/histogram_count(whole)": 50,
		"histogram_fraction(0, 25, whole)":            0.25,
		"histogram_quantile(0.99, whole)":             99,
		"histogram_quantile(0.1, below)":              -5,
		"histogram_quantile(0.5, part)":               5,
		"histogram_sum(part)/histogram_count(part)":   5,
	} {
		got := math.NaN()
		// A busy Prometheus can miss a scrape. The query then has no result for a short time.
		wait.Until(t, query+" has no value", func() bool {
			got = value(query)
			return !math.IsNaN(got)
		})
		if math.Abs(got-want) > 0.15*math.Abs(want) {
			t.Errorf("%s is %v, want about %v", query, got, want)
		}
	}
	wait.Until(t, "the counter is not 1", func() bool { return value("count(count)") == 1 })
}
