package load

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

func TestMain(m *testing.M) {
	wait.Beside()
	goleak.VerifyTestMain(m)
}

func testConfig() Config {
	return Config{Addr: "127.0.0.1:0", Minutes: 60, MaxBytes: 64 << 20}
}

// clocked is a Sink in virtual time, without network.
type clocked struct {
	*Sink
	t *testing.T
}

// inVirtualTime runs a test with a Sink in virtual time. The time starts at midnight.
func inVirtualTime(t *testing.T, cfg Config, test func(*clocked)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &clocked{newSink(t, cfg), t}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.keepAll(ctx)
		}()
		test(c)
		end()
		<-done
	})
}

func newSink(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// flush waits until the current time is a multiple of the given interval. Then it flushes the given metrics.
func (c *clocked) flush(every time.Duration, all ...*metric.Collected) {
	time.Sleep(time.Until(time.Now().Truncate(every).Add(every)))
	c.flushNow(all...)
}

func (c *clocked) flushNow(all ...*metric.Collected) {
	for _, one := range all {
		c.Record(one)
	}
	c.EndInterval(sink.Interval{End: time.Now(), Percentiles: []float64{90, 99.9}})
	synctest.Wait()
}

// answer is a parsed window.
type answer struct {
	code  int
	head  http.Header
	text  string
	Frame int64              `json:"last_frame_time"`
	Stat  map[string]float64 `json:"Stat"`
}

func get(t testing.TB, h http.Handler, method, path string) (a answer) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost"
	h.ServeHTTP(w, r)
	a.code, a.head, a.text = w.Code, w.Header(), w.Body.String()
	if a.code == http.StatusOK && method == http.MethodGet {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%s: %v in %s", path, err, a.text)
		}
		if a.Stat == nil {
			t.Errorf("%s has no Stat: %s", path, a.text)
		}
	}
	return a
}

// expect checks that a window contains exactly these values.
func (c *clocked) expect(path string, want map[string]float64) {
	c.t.Helper()
	got := get(c.t, c.handler(), http.MethodGet, path).Stat
	for key, v := range want {
		if is, there := got[key]; !there || is != v {
			c.t.Errorf("%s at %s: %s is %v, want %v", path, time.Now().Format(time.TimeOnly), key, is, v)
		}
	}
	if len(got) != len(want) {
		c.t.Errorf("%s at %s: %v, want %v", path, time.Now().Format(time.TimeOnly), got, want)
	}
}

type values = map[string]float64

func counter(name string, v float64) *metric.Collected {
	return &metric.Collected{Kind: metric.Counter, Name: []byte(name), Value: v}
}

func gauge(name string, v float64) *metric.Collected {
	return &metric.Collected{Kind: metric.Gauge, Name: []byte(name), Value: v}
}

func timer(name string, samples ...float64) *metric.Collected {
	c := &metric.Collected{Kind: metric.Timer, Name: []byte(name), Samples: samples, Weight: float64(len(samples)), Lower: math.Inf(1), Upper: math.Inf(-1)}
	for _, v := range samples {
		c.Sum += v
		c.Lower, c.Upper = min(c.Lower, v), max(c.Upper, v)
	}
	return c
}

func set(name string, hashes ...uint64) *metric.Collected {
	return &metric.Collected{Kind: metric.Set, Name: []byte(name), Members: hashes}
}
