package peertest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/prometheus"
)

// TestPageParses shows random values of random names by random mappings. Prometheus' own parser reads each
// page.
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

// readPage returns the number of families that are not the daemon's own.
func readPage(t *testing.T, seed uint64) (families int) {
	t.Helper()
	r := generator{rand.New(rand.NewPCG(seed, 23))}
	mapping := filepath.Join(t.TempDir(), "mapping.yml")
	if err := os.WriteFile(mapping, []byte(r.file()), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := prometheus.New(prometheus.Config{Addr: "127.0.0.1:0", Mapping: mapping, Tagged: true, Own: true, MaxSeries: 50, MaxFamilies: 20}, func(string) {})
	if err != nil {
		return 0 // random files can be bad
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() { _ = s.Run(t.Context()) }()
	for range 3 {
		for range 40 {
			c := r.collected()
			s.Record(&c)
		}
		s.EndInterval(sink.Interval{End: time.Now()})
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

// collected makes what a random name collected.
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
