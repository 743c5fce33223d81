package graphite

import (
	"errors"
	"maps"
	"math"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/metric"
)

// series is a series sent to carbon, with the points that whisper must hold.
type series struct {
	path   string
	points map[int64]float64
}

// makeSeries returns a payload of n points a second apart, which end at end.
func makeSeries(s *Sink, path string, end int64, n int) (payload []byte, want series) {
	values := []float64{0, 1, -7, 0.1, 2.38e-05, 1e21, 1.0 / 3, math.MaxFloat64, 5e-324, 1 << 53}
	want = series{path, map[int64]float64{}}
	for i := range n {
		p := metric.Point{Path: []byte(path), Value: values[i%len(values)], Time: end - int64(n-1-i)}
		payload = s.AppendPoint(payload, p)
		want.points[p.Time] = p.Value
	}
	return payload, want
}

// check waits until whisper holds exactly the points of want.
func check(t *testing.T, carbon *counterpart.Carbon, want series) {
	t.Helper()
	times := slices.Sorted(maps.Keys(want.points))
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		got := carbon.Fetch(want.path, times[0]-60, times[len(times)-1])
		if maps.Equal(got, want.points) {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%s: whisper has %v, want %v", want.path, got, want.points)
			return
		}
	}
}

func TestCarbonStoresExactly(t *testing.T) {
	t.Parallel()
	carbon := counterpart.StartCarbon(t)
	sinks := map[string]*Sink{
		"connection_a_send": newSink(t, Config{Addr: carbon.Addr}),
		"keep_open":         newSink(t, Config{Addr: carbon.Addr, KeepOpen: true}),
	}
	sendAll := func(when string) {
		var all []series
		for mode, s := range sinks {
			payload, want := makeSeries(s, "stats."+when+"."+mode, time.Now().Unix(), 30)
			mustSend(t, s, payload)
			all = append(all, want)
		}
		for _, want := range all {
			check(t, carbon, want)
		}
	}
	sendAll("before")
	carbon.Stop()
	for mode, s := range sinks {
		if err := s.Send(t.Context(), []byte("stats.lost 1 1\n")); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: error %v, want a refused connection", mode, err)
		}
	}
	carbon.Start()
	sendAll("after")
}

// A stopped carbon confirms nothing, though its kernel takes everything; when it
// goes on, it gets on with the same connection.
func TestCarbonStoppedAndContinued(t *testing.T) {
	t.Parallel()
	carbon := counterpart.StartCarbon(t)
	s := newSink(t, Config{Addr: carbon.Addr, Timeout: 100 * time.Millisecond})
	payload, want := makeSeries(s, "stats.stopped", time.Now().Unix(), 30)
	carbon.Signal(syscall.SIGSTOP)
	for range 3 {
		if err := s.Send(t.Context(), payload); !isTimeout(err) {
			t.Fatalf("error %v, want a timeout", err)
		}
	}
	local := s.unsure.conn.LocalAddr().String()
	carbon.Signal(syscall.SIGCONT)
	s.cfg.Timeout = patience
	if s.unsure.conn.LocalAddr().String() != local {
		t.Error("another connection was made")
	}
	mustSend(t, s, payload)
	check(t, carbon, want)
}

// What a killed carbon had not read was not confirmed, and is sent again.
func TestCarbonKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	carbon := counterpart.StartCarbon(t)
	s := newSink(t, Config{Addr: carbon.Addr, Timeout: 100 * time.Millisecond})
	payload, want := makeSeries(s, "stats.killed", time.Now().Unix(), 30)
	carbon.Signal(syscall.SIGSTOP)
	if err := s.Send(t.Context(), payload); !isTimeout(err) {
		t.Fatalf("error %v, want a timeout", err)
	}
	carbon.Kill()
	if err := s.Send(t.Context(), payload); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want a reset", err)
	}
	carbon.Start()
	s.cfg.Timeout = patience
	mustSend(t, s, payload)
	check(t, carbon, want)
}

// BenchmarkSendCarbon measures whole sends of 1,000 points to a real carbon.
func BenchmarkSendCarbon(b *testing.B) {
	carbon := counterpart.StartCarbon(b)
	for name, keepOpen := range map[string]bool{"connection-a-send": false, "keep-open": true} {
		b.Run(name, func(b *testing.B) {
			s, err := New(Config{Addr: carbon.Addr, KeepOpen: keepOpen})
			if err != nil {
				b.Fatal(err)
			}
			payload, _ := makeSeries(s, "stats.bench", time.Now().Unix(), 1000)
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if err := s.Send(b.Context(), payload); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
