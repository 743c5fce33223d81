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
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/secure"
)

// series is a series that was sent to carbon, with the points that whisper should contain.
type series struct {
	path   string
	points map[int64]float64
}

// makeSeries returns a payload of n points, one second apart. The time of the last point is the
// parameter end.
func makeSeries(s *Sink, path string, end int64, n int) (payload []byte, want series) {
	values := []float64{0, 1, -7, 0.1, 2.38e-05, 1e21, 1.0 / 3, math.MaxFloat64, 5e-324, 1 << 53}
	want = series{path, map[int64]float64{}}
	for i := range n {
		p := metric.Point{Path: []byte(path), Value: values[i%len(values)], Time: end - int64(n-1-i)}
		payload = s.AppendPoint(payload, p)
		want.path = string(sink.AppendPath(nil, s.cfg.Prefix, p))
		want.points[p.Time] = p.Value
	}
	return payload, want
}

// check waits until whisper contains exactly the points of the series in the parameter want.
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
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("127.0.0.1")
	terminator := counterpart.Stunnel{Connect: carbon.Addr, Cert: cert, Key: key, Clients: a.File}
	lines := terminator.Start(t)
	terminator.Connect = carbon.PickleAddr
	pickles := terminator.Start(t)
	cert, key = a.Issue("web1")
	behind := &secure.TLS{CA: a.File, Cert: cert, Key: key}
	sinks := map[string]*Sink{
		"connection_a_send": newSink(t, Config{Addr: carbon.Addr}),
		"keep_open":         newSink(t, Config{Addr: carbon.Addr, KeepOpen: true}),
		"prefix":            newSink(t, Config{Addr: carbon.Addr, Prefix: "acme.web1"}),
		"pickle":            newSink(t, Config{Addr: carbon.PickleAddr, Pickle: true, Prefix: "acme.web1"}),
		"pickle_keep_open":  newSink(t, Config{Addr: carbon.PickleAddr, Pickle: true, KeepOpen: true}),
		"tls":               newSink(t, Config{Addr: lines, TLS: behind}),
		"tls_keep_open":     newSink(t, Config{Addr: lines, TLS: behind, KeepOpen: true}),
		"pickle_tls":        newSink(t, Config{Addr: pickles, Pickle: true, TLS: behind}),
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
		err := s.Send(t.Context(), []byte("stats.lost 1 1\n"))
		if s.cfg.TLS == nil && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: error %v, want a refused connection", mode, err)
		}
		if s.cfg.TLS != nil && !s.cfg.KeepOpen && err == nil {
			t.Errorf("%s: the terminator, with no carbon behind it, has confirmed", mode)
		}
	}
	carbon.Start()
	sendAll("after")
}

// TestCarbonStoppedAndContinued checks that a stopped carbon (SIGSTOP) confirms nothing, although
// its kernel acknowledges all bytes. After SIGCONT, the payload is confirmed on the same
// connection. The test uses a direct connection, and a connection through a program that terminates
// TLS.
func TestCarbonStoppedAndContinued(t *testing.T) {
	t.Parallel()
	carbon := counterpart.StartCarbon(t)
	a := counterpart.NewAuthority(t)
	cert, key := a.Issue("127.0.0.1")
	lines := counterpart.Stunnel{Connect: carbon.Addr, Cert: cert, Key: key}.Start(t)
	pickles := counterpart.Stunnel{Connect: carbon.PickleAddr, Cert: cert, Key: key}.Start(t)
	var all []series
	for mode, s := range map[string]*Sink{
		"lines":      newSink(t, Config{Addr: carbon.Addr}),
		"pickle":     newSink(t, Config{Addr: carbon.PickleAddr, Pickle: true}),
		"tls":        newSink(t, Config{Addr: lines, TLS: &secure.TLS{CA: a.File}}),
		"pickle_tls": newSink(t, Config{Addr: pickles, Pickle: true, TLS: &secure.TLS{CA: a.File}}),
	} {
		s.cfg.Timeout = 100 * time.Millisecond
		payload, want := makeSeries(s, "stats.stopped."+mode, time.Now().Unix(), 30)
		carbon.Signal(syscall.SIGSTOP)
		for range 3 {
			if err := s.Send(t.Context(), payload); !isTimeout(err) {
				t.Fatalf("%s: error %v, want a timeout", mode, err)
			}
		}
		begun := s.unsure
		carbon.Signal(syscall.SIGCONT)
		s.cfg.Timeout = patience
		mustSend(t, s, payload)
		if !begun.closed {
			t.Errorf("%s: another connection was made", mode)
		}
		all = append(all, want)
	}
	for _, want := range all {
		check(t, carbon, want)
	}
}

// TestCarbonKilledInTheMiddle checks that bytes are sent again if carbon was killed before it read them.
func TestCarbonKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	carbon := counterpart.StartCarbon(t)
	sinks := map[string]*Sink{
		"lines":  newSink(t, Config{Addr: carbon.Addr}),
		"pickle": newSink(t, Config{Addr: carbon.PickleAddr, Pickle: true}),
	}
	payloads, wants := map[string][]byte{}, map[string]series{}
	carbon.Signal(syscall.SIGSTOP)
	for mode, s := range sinks {
		s.cfg.Timeout = 100 * time.Millisecond
		payloads[mode], wants[mode] = makeSeries(s, "stats.killed."+mode, time.Now().Unix(), 30)
		if err := s.Send(t.Context(), payloads[mode]); !isTimeout(err) {
			t.Fatalf("%s: error %v, want a timeout", mode, err)
		}
	}
	carbon.Kill()
	for mode, s := range sinks {
		s.cfg.Timeout = patience
		if err := s.Send(t.Context(), payloads[mode]); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: error %v, want a reset", mode, err)
		}
	}
	carbon.Start()
	for mode, s := range sinks {
		mustSend(t, s, payloads[mode])
	}
	for _, want := range wants {
		check(t, carbon, want)
	}
}

// BenchmarkSendCarbon measures payloads of 1,000 points to a real carbon.
func BenchmarkSendCarbon(b *testing.B) {
	carbon := counterpart.StartCarbon(b)
	for name, cfg := range map[string]Config{
		"connection-a-send": {Addr: carbon.Addr},
		"keep-open":         {Addr: carbon.Addr, KeepOpen: true},
		"pickle":            {Addr: carbon.PickleAddr, Pickle: true},
	} {
		b.Run(name, func(b *testing.B) {
			s, err := New(cfg)
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
