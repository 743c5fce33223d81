package otlptest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	colmetrics "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// totals sums up the metrics that a daemon sends.
type totals struct {
	mu     sync.Mutex
	down   bool
	sums   map[string]float64
	counts map[string]uint64 // sums of the counts of timers
	gauges map[string]float64
}

func (s *totals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, _ := io.ReadAll(unpacked)
	var export colmetrics.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &export); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, group := range export.ResourceMetrics {
		for _, m := range group.ScopeMetrics[0].Metrics {
			key := m.Name
			switch {
			case m.GetSum() != nil:
				p := m.GetSum().DataPoints[0]
				for _, a := range p.Attributes {
					key += ";" + a.Key + "=" + a.Value.GetStringValue()
				}
				s.sums[key] += p.GetAsDouble()
			case m.GetExponentialHistogram() != nil:
				s.counts[key] += m.GetExponentialHistogram().DataPoints[0].Count
			case m.GetGauge() != nil:
				s.gauges[key] = m.GetGauge().DataPoints[0].GetAsDouble()
			}
		}
	}
	answer, _ := proto.Marshal(&colmetrics.ExportMetricsServiceResponse{})
	_, _ = w.Write(answer)
}

func (s *totals) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *totals) read() (sum float64, count uint64, gauge float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sums["hits;host=a"], s.counts["time"], s.gauges["load"]
}

// TestDaemon checks that a real daemon sends everything that it received, even if the receiver was down for a
// while. The sum of the deltas must be correct.
func TestDaemon(t *testing.T) {
	s := &totals{sums: map[string]float64{}, counts: map[string]uint64{}, gauges: map[string]float64{}}
	receiver := httptest.NewServer(s)
	t.Cleanup(receiver.Close)
	d := counterpart.StartDaemon(t, "--flush-interval", "0.1", "--tags", "graphite", "--spool-dir", t.TempDir(),
		"--sink", "otlp://"+strings.TrimPrefix(receiver.URL, "http://"))
	c, err := net.Dial("tcp", d.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	const rounds = 200
	for i := range rounds {
		s.set(i%50 > 25)
		if _, err := fmt.Fprintf(c, "hits:2|c|#host:a\ntime:%d|ms|@0.5\nload:%d|g\nusers:u%d|s\n", i, i, i); err != nil {
			t.Fatal(err)
		}
		before := lastFlush(t, d)
		if i%20 == 0 {
			wait.Until(t, "no flush", func() bool { return lastFlush(t, d) != before })
		}
	}
	s.set(false)
	wait.Until(t, "the totals differ from what was sent", func() bool {
		sum, count, gauge := s.read()
		return sum == 2*rounds && count == 2*rounds && gauge == rounds-1
	})
}

// lastFlush returns the time of the daemon's last flush.
func lastFlush(t *testing.T, d *counterpart.Daemon) string {
	t.Helper()
	response, err := http.Get("http://" + d.Monitor + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	_, rest, _ := strings.Cut(string(text), "\nstatsd_last_flush_timestamp_seconds ")
	when, _, _ := strings.Cut(rest, "\n")
	return when
}
