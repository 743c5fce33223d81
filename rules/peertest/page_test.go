package peertest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/prometheus"
)

// TestPageParses renders pages with random values of random names, using random mappings.
// Prometheus' parser must accept each page.
func TestPageParses(t *testing.T) {
	pages := 300
	if testing.Short() {
		pages = 30
	}
	shown := 0
	for seed := range pages {
		shown += readPage(t, uint64(seed))
	}
	if shown < pages {
		t.Errorf("%d pages have only %d families", pages, shown)
	}
}

// number formats a number for YAML.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// openPage opens a sink with a mapping. It returns nil if the mapping is invalid.
func openPage(t *testing.T, mapping string) *prometheus.Sink {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mapping.yml")
	if err := os.WriteFile(file, []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := prometheus.New(prometheus.Config{Addr: "127.0.0.1:0", Mapping: file, Tagged: true, Own: true, MaxSeries: 50, MaxFamilies: 20}, func(string) {})
	if err != nil {
		return nil
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	go func() { _ = s.Run(t.Context()) }()
	return s
}

// randomPage opens a sink with a random mapping, and adds random values of random names. It returns
// nil if the mapping is invalid.
func randomPage(t *testing.T, seed uint64) *prometheus.Sink {
	t.Helper()
	r := generator{rand.New(rand.NewPCG(seed, 23))}
	s := openPage(t, r.file())
	for range 3 {
		for range 40 {
			c := r.collected()
			if s != nil {
				s.Record(&c)
			}
		}
		if s != nil {
			s.EndInterval(sink.Interval{End: time.Now()})
		}
	}
	return s
}

// readPage reads a random page with Prometheus' parser. It returns the number of metric families,
// without the families about the daemon.
func readPage(t *testing.T, seed uint64) (families int) {
	t.Helper()
	s := randomPage(t, seed)
	if s == nil {
		return 0
	}
	answer, err := http.Get("http://" + s.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("seed %d: %s, %v", seed, answer.Status, err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	found, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("seed %d: %v in\n%s", seed, err, text)
	}
	for name := range found {
		if !strings.HasPrefix(name, "statsd_") {
			families++
		}
	}
	return families
}

// collected returns the random values of a random name.
func (r generator) collected() metric.Collected {
	name := r.name() + r.pick("", "", ".sum", "_count", ".bucket")
	for range r.IntN(3) {
		name += fmt.Sprintf(";%s=%s", r.pick("le", "quantile", "__x", "k", "k-1", "9", "é", "name"), r.pick("v", "", `q"\`, "a\nb", "é", "=", "1e9"))
	}
	c := metric.Collected{
		Kind: metric.Kind(r.IntN(metric.Kinds)), Name: []byte(name), Millis: r.IntN(2) == 0,
		Value: []float64{0, 1, -1, 1e308, 0.1, 1e-300}[r.IntN(6)], Members: []uint64{r.Uint64(), r.Uint64()},
	}
	for range 1 + r.IntN(50) {
		v := (r.Float64() - 0.3) * []float64{1, 1000, 1e300}[r.IntN(3)]
		c.Samples = append(c.Samples, v)
		c.Sum += v
	}
	c.Weight = float64(len(c.Samples)) * []float64{1, 3.3, 1e9}[r.IntN(3)]
	return c
}
