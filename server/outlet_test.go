package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// timed is a sink that records the times of attempts to send to it.
type timed struct {
	*sinktest.Recorder
	mu       sync.Mutex
	attempts []time.Time
}

func (s *timed) Send(ctx context.Context, payload []byte) error {
	s.mu.Lock()
	s.attempts = append(s.attempts, time.Now())
	s.mu.Unlock()
	return s.Recorder.Send(ctx, payload)
}

// take returns the times of attempts since its last call.
func (s *timed) take() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	attempts := s.attempts
	s.attempts = nil
	return attempts
}

// The daemon sends a payload again after 100 ms if the sink does not accept it. The pause doubles
// after each failure, up to 5 s, and varies by a fifth. After a success, the next pause is 100 ms
// again.
func TestOutletRetries(t *testing.T) {
	s := &timed{Recorder: sinktest.NewRecorder()}
	cfg := plain(s.Recorder)
	cfg.Sinks[0].Sink = s
	inVirtualTime(t, cfg, func(v *virtual) {
		random := false
		for range 2 {
			s.take()
			s.Fail(errors.New("no"))
			v.receive("hits:1|c")
			v.wait(40 * time.Second)
			attempts := s.take()
			want := 100 * time.Millisecond
			for i := range attempts[1:] {
				got := attempts[i+1].Sub(attempts[i])
				if got < want*8/10 || got > want*12/10 {
					t.Errorf("wait %d: %v, want about %v", i+1, got, want)
				}
				random = random || got != want
				want = min(2*want, 5*time.Second)
			}
			if n := len(attempts); n < 10 || n > 13 {
				t.Errorf("%d attempts in 30 s", n)
			}
			s.Recover()
			v.wait(10 * time.Second)
		}
		if !random {
			t.Error("the waits do not vary: all daemons would try again at once")
		}
		if got := len(s.Points()); got != 2 {
			t.Errorf("%d points arrived, want 2", got)
		}
	})
}

// The queue for a dead sink is bounded: the oldest payloads are dropped and counted. When the sink
// works again, it receives the remaining payloads unchanged and in order.
func TestOutletQueueIsBounded(t *testing.T) {
	const names, flushes = 2_000, 30
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.QueueBytes = 1 << 20
	var lines strings.Builder
	for i := range names {
		fmt.Fprintf(&lines, "%s.%04d:10|c\n", strings.Repeat("n", 100), i)
	}
	path := "counters." + strings.Repeat("n", 100) + ".0000"
	flushBytes := names * len(r.AppendPoint(nil, metric.Point{Path: []byte(path), Value: 1, Time: midnight}))
	inVirtualTime(t, cfg, func(v *virtual) {
		r.Fail(errors.New("no"))
		for i := range flushes {
			v.receive(lines.String())
			v.wait(10 * time.Second)
			st := v.sink("recorder")
			if st.Made != uint64(names*(i+1)) || st.Made != st.Delivered+st.Queued+st.Dropped {
				t.Fatalf("after %d flushes: made %d, delivered %d, queued %d, dropped %d", i+1, st.Made, st.Delivered, st.Queued, st.Dropped)
			}
			if got := int(st.Queued) / names * flushBytes; got > cfg.QueueBytes {
				t.Fatalf("%d bytes wait, at most %d may", got, cfg.QueueBytes)
			}
		}
		dropped := v.sink("recorder").Dropped
		if least := uint64(names * (flushes - cfg.QueueBytes/flushBytes)); dropped != least {
			t.Errorf("dropped %d, want %d: as many as must be", dropped, least)
		}
		r.Recover()
		v.wait(9 * time.Second)
		st := v.sink("recorder")
		if st.Queued != 0 || st.Dropped != dropped || st.Delivered != st.Made-dropped {
			t.Errorf("after recovery: made %d, delivered %d, queued %d, dropped %d", st.Made, st.Delivered, st.Queued, st.Dropped)
		}
		count := map[int64]int{}
		last := int64(0)
		for _, p := range r.Points() {
			if p.Time < last || p.Time%10 != 0 || p.Value != 1 {
				t.Fatalf("%v after a point of %d", p, last)
			}
			last = p.Time
			count[last]++
		}
		if last != midnight+10*flushes {
			t.Errorf("the newest point is of %d, want %d", last-midnight, 10*flushes)
		}
		for at, n := range count {
			if n != names {
				t.Errorf("%d points of %d, want all %d or none", n, at-midnight, names)
			}
		}
		if got := uint64(names * (flushes - len(count))); got != dropped {
			t.Errorf("%d points did not arrive, %d are counted", got, dropped)
		}
	})
}

// A sink that hangs delays neither flushes nor other sinks. When the sink works again, it receives
// the points in its queue.
func TestOutletsAreIndependent(t *testing.T) {
	hanging, healthy := sinktest.NewRecorder(), sinktest.NewRecorder()
	cfg := plain(healthy)
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: "hanging", Sink: hanging})
	inVirtualTime(t, cfg, func(v *virtual) {
		hanging.Hang()
		want := map[int64]map[string]float64{}
		for i := range int64(20) {
			v.receive("hits:10|c")
			v.wait(10 * time.Second)
			want[midnight+10*(i+1)] = map[string]float64{"counters.hits": 1}
			expect(t, points(t, healthy), want)
		}
		if n := hanging.Attempts(); n != 1 {
			t.Errorf("%d sends side by side to one sink, want 1", n)
		}
		hanging.Recover()
		v.wait(time.Second)
		expect(t, points(t, hanging), want)
	})
}

// Failed attempts are counted by cause. Each flush that a failure delays is counted once.
func TestOutletCountsErrors(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.MetadataPrefix = "own"
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(10 * time.Second)
		r.Fail(syscall.ECONNREFUSED)
		v.wait(10*time.Second + 50*time.Millisecond)
		r.Fail(errors.New("a sink's own words"))
		v.wait(9 * time.Second)
		attempts := r.Attempts() - 2 // without the attempt that succeeded and the attempt that was refused
		r.Recover()
		v.wait(11 * time.Second)
		check(t, v.Server, "publish_error.socket 1", "flush_errors 1", fmt.Sprint("publish_error.unknown ", float64(attempts)))
		if got := figureOf(t, v.Server, "last_publish.time"); got < midnight+20 || got > midnight+40 {
			t.Errorf("last_publish.time is %v s past midnight, want 20 to 40", got-midnight)
		}
	})
}

// picky is a sink whose format cannot represent some points.
type picky struct{ *sinktest.Recorder }

func (s picky) AppendPoint(dst []byte, p metric.Point) []byte {
	if strings.Contains(string(p.Path), "odd") {
		return dst
	}
	return s.Recorder.AppendPoint(dst, p)
}

// A point that a sink cannot represent is dropped and counted.
func TestOutletUnsendablePoint(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.Sinks[0].Sink = picky{r}
	inVirtualTime(t, cfg, func(v *virtual) {
		v.receive("even:10|c\nodd:10|c")
		v.wait(10 * time.Second)
		v.receive("odd:10|c")
		v.wait(10 * time.Second)
		expect(t, points(t, r), map[int64]map[string]float64{midnight + 10: {"counters.even": 1}})
		v.wait(10 * time.Second)
		check(t, v.Server, "sink.recorder.points.made 3", "sink.recorder.points.delivered 1",
			"sink.recorder.points.queued 0", "sink.recorder.points.dropped 2")
	})
}
