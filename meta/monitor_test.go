package meta

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// fixedSource is a Source that returns what a test has set.
type fixedSource struct {
	mu       sync.Mutex
	figures  []Figure
	health   Health
	discards Discards
}

func (s *fixedSource) Figures() []Figure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.figures)
}

func (s *fixedSource) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

func (s *fixedSource) Discards() Discards {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.discards
	d.Reasons = slices.Clone(d.Reasons)
	return d
}

// everyByte returns a line that contains every byte value.
func everyByte() []byte {
	line := make([]byte, 256)
	for i := range line {
		line[i] = byte(i)
	}
	return line
}

// exampleSource is a Source with an example of each kind of data.
func exampleSource() *fixedSource {
	now := time.Now()
	return &fixedSource{
		figures: []Figure{
			{Name: "start_time", Value: float64(now.Add(-26 * time.Hour).Unix())},
			{Name: "last_publish.time", Value: float64(now.Add(-3 * time.Hour).Unix())},
			{Name: "flush_duration", Value: 0.0000238},
			{Name: "render.time", Value: 0.5},
			{Name: "lines.received", Value: 3e9, Count: true, Rate: 1234.5},
			{Name: "samples.aggregated", Value: 2999999990, Count: true, Rate: 1234.4},
			{Name: "metrics.discarded", Value: 10, Count: true, Rate: 0.1},
			{Name: "sinks", Value: 2},
			{Name: "sink.graphite.points.made", Value: 52000, Count: true},
			{Name: "sink.graphite.points.queued", Value: 12},
			{Name: "sink.graphite-2.points.made", Value: 51000, Count: true},
			{Name: "pending_stats", Value: 7},
			{Name: "render.total", Value: 520},
		},
		discards: Discards{
			Reasons: []Figure{{Name: "bad_type", Value: 0}, {Name: "bad_value", Value: 9}, {Name: "empty_name", Value: 1}},
			Lines: []BadLine{
				{Time: now, Sender: SenderAt(netip.MustParseAddrPort("[2001:db8::1]:4711")), Reason: "bad_value", Line: everyByte()},
				{Time: now.Add(-time.Minute), Reason: "empty_name", Line: []byte("<b>:1|c")},
				{Time: now.Add(-time.Hour), Sender: SenderAt(netip.MustParseAddrPort("192.0.2.1:5")), Reason: "no_value", Line: []byte("a:|c")},
			},
			Refused: []Refusal{
				{Limit: "max-names", Prefix: "web.hits.", Min: 1000, Max: 3_000_000},
				{Limit: "max-set-members", Prefix: "users", Min: 7, Max: 7},
			},
			Collisions: []string{"stats.a"},
		},
	}
}

// kept are Values for tests. They do not change.
type kept struct {
	values []Value // sorted by path
	missed int
}

func (k kept) Last() []Value { return k.values }
func (k kept) Missed() int   { return k.missed }

func (k kept) Flushed() (newest int64) {
	for _, v := range k.values {
		newest = max(newest, v.Time)
	}
	return newest
}

// exampleValues returns n values that were just published.
func exampleValues(n int) kept {
	k := kept{values: make([]Value, n)}
	for i := range n {
		k.values[i] = Value{Path: fmt.Sprintf("stats.web-%02d.hits", i), Value: float64(i) / 2, Time: time.Now().Unix()}
	}
	slices.SortFunc(k.values, func(a, b Value) int { return strings.Compare(a.Path, b.Path) })
	return k
}

// start runs a monitor on a free port until the test ends, and returns its address.
func start(t testing.TB, source Source, values Values) string {
	t.Helper()
	m, err := NewMonitor(MonitorConfig{Version: "1.2.3"}, source, values)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, m)
}

// run runs the Monitor until the test ends. It returns the address.
func run(t testing.TB, m *Monitor) string {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return m.Addr().String()
}

// answer is the answer to an HTTP request.
type answer struct {
	code   int
	header http.Header
	body   string
}

func do(t testing.TB, r *http.Request) answer {
	t.Helper()
	client := http.Client{Timeout: wait.Patience}
	defer client.CloseIdleConnections()
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{w.StatusCode, w.Header, string(body)}
}

func get(t testing.TB, addr, path string) answer {
	t.Helper()
	r, err := http.NewRequest("GET", "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

func post(t testing.TB, addr, method string) answer {
	t.Helper()
	r, err := http.NewRequest("POST", "http://"+addr+"/RPC2", strings.NewReader("<methodCall><methodName>"+method+"</methodName></methodCall>"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml")
	return do(t, r)
}

func TestIstats(t *testing.T) {
	source := exampleSource()
	addr := start(t, source, kept{})
	_, text, _ := strings.Cut(post(t, addr, "istats").body, "<string>")
	text, _, _ = strings.Cut(strings.ReplaceAll(text, "&#34;", `"`), "</string>")
	if !strings.Contains(text, `"flush_duration":0.0000238`) || !strings.Contains(text, `"lines.received":3000000000,`) {
		t.Errorf("numbers have an exponent, or are no numbers: %s", text)
	}
	var got map[string]float64
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	want := make(map[string]float64)
	for _, f := range source.figures {
		want[f.Name] = f.Value
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStats(t *testing.T) {
	source := &fixedSource{figures: []Figure{{Name: "b", Value: math.MaxInt32 + 1}, {Name: "a", Value: -5}, {Name: "c", Value: 2.38e-5}}}
	body := post(t, start(t, source, kept{}), "stats").body
	want := "<struct><member><name>a</name><value><int>-5</int></value></member>" +
		"<member><name>b</name><value><double>2147483648</double></value></member>" +
		"<member><name>c</name><value><double>0.0000238</double></value></member></struct>"
	if !strings.Contains(body, want) {
		t.Errorf("got %s, want %s in it", body, want)
	}
}

func TestRoutes(t *testing.T) {
	addr := start(t, exampleSource(), kept{})
	for _, tt := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/", 200}, {"HEAD", "/", 200}, {"GET", "/plain", 200}, {"HEAD", "/plain", 200}, {"GET", "/app.js", 200}, {"GET", "/healthz", 200}, {"HEAD", "/healthz", 200},
		{"GET", "/livez", 200}, {"HEAD", "/readyz", 200}, {"GET", "/metrics", 200}, {"HEAD", "/metrics", 200}, {"GET", "/metrics/", 404}, {"GET", "/favicon.ico", 404}, {"GET", "/RPC2", 404}, {"GET", "//", 404}, {"GET", "/healthz/", 404},
		{"PUT", "/", 405}, {"OPTIONS", "/RPC2", 405}, {"POST", "/", 415}, {"POST", "/healthz", 415}, {"POST", "/metrics", 415},
	} {
		r, err := http.NewRequest(tt.method, "http://"+addr+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := do(t, r); a.code != tt.code || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s gets %d %v, want %d", tt.method, tt.path, a.code, a.header, tt.code)
		}
	}
}

func TestHosts(t *testing.T) {
	addr := start(t, exampleSource(), kept{})
	for host, code := range map[string]int{
		"localhost": 200, "LocalHost:8135": 200, "127.0.0.1": 200, "127.0.0.1:8135": 200, "[::1]": 200, "[::1]:8135": 200,
		"evil.example": 403, "evil.example:8135": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
		"0.0.0.0": 403, "192.0.2.1:8135": 403, "localhost.": 403,
	} {
		for _, method := range []string{"GET", "POST"} {
			r, err := http.NewRequest(method, "http://"+addr+"/", strings.NewReader("<methodCall><methodName>istats</methodName></methodCall>"))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			r.Header.Set("Content-Type", "text/xml")
			if a := do(t, r); a.code != code {
				t.Errorf("%s to %q gets %d, want %d", method, host, a.code, code)
			}
		}
	}
}

// TestOpened checks that a monitor that is bound to all addresses answers requests for any host
// name.
func TestOpened(t *testing.T) {
	m, err := NewMonitor(MonitorConfig{Host: "0.0.0.0"}, exampleSource(), kept{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if !m.server.Answers("stats.example:8135") {
		t.Error("a request to another name is refused")
	}
}

func TestNewMonitorErrors(t *testing.T) {
	for _, port := range []int{-1, 65536} {
		if _, err := NewMonitor(MonitorConfig{Port: port}, exampleSource(), kept{}); err == nil || !strings.Contains(err.Error(), "--monitor-port") {
			t.Errorf("port %d: %v", port, err)
		}
	}
	taken := netip.MustParseAddrPort(start(t, exampleSource(), kept{}))
	_, err := NewMonitor(MonitorConfig{Port: int(taken.Port())}, exampleSource(), kept{})
	if err == nil || !strings.Contains(err.Error(), "--monitor-port") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a port in use: %v", err)
	}
}
