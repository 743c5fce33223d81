package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// flushOf returns a snapshot of n points whose values tell the flush.
func flushOf(at int64, n int) *aggregate.Snapshot {
	sn := &aggregate.Snapshot{Time: at}
	for i := range n {
		sn.Own = append(sn.Own, metric.Point{Path: fmt.Appendf(nil, "p%d", i), Value: float64(at), Time: at})
	}
	return sn
}

// spooled is an outlet with a spool, running, and its sink.
type spooled struct {
	*outlet
	*sinktest.Recorder
	t     *testing.T
	sent  chan struct{} // closed when the sender has ended
	looks chan struct{}
}

func spoolConfig(t *testing.T) Config {
	cfg := config()
	cfg.SpoolDir = filepath.Join(t.TempDir(), "spool")
	cfg.SpoolAfter = 20 * time.Millisecond
	cfg.ReplayRate = 1e9
	return cfg
}

func startOutlet(t *testing.T, cfg Config) *spooled {
	t.Helper()
	r := sinktest.NewRecorder()
	return startOutletOf(t, cfg, r)
}

func startOutletOf(t *testing.T, cfg Config, r *sinktest.Recorder) *spooled {
	t.Helper()
	o, err := newOutlet(NamedSink{Name: "recorder", Sink: r}, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &spooled{outlet: o, Recorder: r, t: t, sent: make(chan struct{}), looks: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go o.encode()
	go func() {
		o.send(ctx)
		close(s.sent)
	}()
	go s.balance()
	return s
}

// balance checks the ledger for as long as the outlet runs.
func (s *spooled) balance() {
	defer close(s.looks)
	for {
		st := s.look()
		if in, out := st.made+st.recovered, st.delivered+st.queued+st.spooled+st.dropped; in != out {
			s.t.Errorf("made %d + recovered %d != delivered %d + queued %d + spooled %d + dropped %d",
				st.made, st.recovered, st.delivered, st.queued, st.spooled, st.dropped)
			return
		}
		select {
		case <-s.sent:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// finish ends the outlet, and closes its spool.
func (s *spooled) finish() outletState {
	s.t.Helper()
	s.end()
	select {
	case <-s.sent:
	case <-time.After(patience):
		s.t.Fatal("the sender does not end")
	}
	<-s.looks
	if err := s.closeSpool(); err != nil {
		s.t.Error(err)
	}
	return s.look()
}

// expect checks that the sink got the flushes 1 to last once each, in order.
func (s *spooled) expect(last int64, points int) {
	s.t.Helper()
	want := int(last) * points
	got, err := s.Wait(s.t.Context(), want)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(got) != want {
		s.t.Fatalf("%d points, want %d", len(got), want)
	}
	for i, p := range got {
		at := 1 + int64(i/points)
		if p.Path != fmt.Sprintf("p%d", i%points) || p.Time != at || p.Value != float64(at) {
			s.t.Fatalf("point %d is %s %v %d, want p%d of flush %d", i, p.Path, p.Value, p.Time, i%points, at)
		}
	}
}

// TestSpoolOutage takes the sink away for 360 flushes. Nothing is lost, nothing
// comes twice, all in order with its own time; and memory holds none of it.
func TestSpoolOutage(t *testing.T) {
	t.Parallel()
	const flushes, points = 360, 500
	s := startOutlet(t, spoolConfig(t))
	s.offer(flushOf(1, points), time.Second)
	s.expect(1, points)
	s.Fail(errors.New("down"))
	for at := int64(2); at <= flushes; at++ {
		s.offer(flushOf(at, points), time.Second)
		eventually(t, "the flush reaches the disk", func() bool { return s.look().spooled == uint64(at-1)*points })
	}
	if st := s.look(); st.queued != 0 {
		t.Errorf("%d points in memory", st.queued)
	}
	s.Recover()
	s.expect(flushes, points)
	s.offer(flushOf(flushes+1, points), time.Second)
	s.expect(flushes+1, points)
	if st := s.finish(); st.delivered != (flushes+1)*points || st.dropped != 0 {
		t.Errorf("delivered %d, dropped %d", st.delivered, st.dropped)
	}
}

// A restart finds what the process before could not deliver, and sends it first.
func TestSpoolRestart(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	first := startOutlet(t, cfg)
	first.Fail(errors.New("down"))
	for at := int64(1); at <= 10; at++ {
		first.offer(flushOf(at, 100), time.Second)
		eventually(t, "the flush is queued", func() bool { return len(first.offeredNow()) == 0 })
	}
	if st := first.finish(); st.spooled != 1000 || st.queued != 0 {
		t.Fatalf("%d points on disk and %d in memory at the end, want 1000 and none", st.spooled, st.queued)
	}
	second := startOutlet(t, cfg)
	second.offer(flushOf(11, 100), time.Second)
	second.expect(11, 100)
	if st := second.finish(); st.recovered != 1000 || st.delivered != 1100 || st.made != 100 {
		t.Errorf("recovered %d, delivered %d, made %d; want 1000, 1100, 100", st.recovered, st.delivered, st.made)
	}
}

// A send that takes long, and then works after all, has been spooled
// meanwhile. It must not come again.
func TestSpoolSlowSend(t *testing.T) {
	t.Parallel()
	s := startOutlet(t, spoolConfig(t))
	s.Hang()
	for at := int64(1); at <= 3; at++ {
		s.offer(flushOf(at, 100), time.Second)
	}
	eventually(t, "all is on disk", func() bool { return s.look().spooled == 300 })
	s.Recover()
	s.expect(3, 100)
	s.offer(flushOf(4, 100), time.Second)
	s.expect(4, 100)
	if st := s.finish(); st.delivered != 400 {
		t.Errorf("delivered %d, want 400", st.delivered)
	}
}

// Without a disk all waits in memory, up to its bound; once the disk is back
// it goes there.
func TestSpoolDiskFails(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	if err := os.WriteFile(cfg.SpoolDir, nil, 0o600); err != nil { // no directory
		t.Fatal(err)
	}
	cfg.QueueBytes = payloadBytes
	s := startOutlet(t, cfg)
	s.Fail(errors.New("down"))
	const points = 1000
	var made int64
	for s.look().dropped == 0 {
		made++
		s.offer(flushOf(made, points), time.Second)
		eventually(t, "the flush is queued", func() bool { return s.look().waiting()+s.look().dropped == uint64(made)*points })
	}
	if err := os.Remove(cfg.SpoolDir); err != nil {
		t.Fatal(err)
	}
	made++
	s.offer(flushOf(made, points), time.Second)
	eventually(t, "all is on disk", func() bool { st := s.look(); return st.queued == 0 && st.spooled > 0 })
	left := int(made)*points - int(s.look().dropped)
	s.Recover()
	got, err := s.Wait(t.Context(), left)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(got, func(a, b sinktest.Point) int { return int(a.Time - b.Time) }) || got[len(got)-1].Time != made {
		t.Error("the flushes came out of order, or the newest not at all")
	}
	if st := s.finish(); len(got) != left || st.delivered != uint64(left) {
		t.Errorf("the sink got %d points, %d were delivered, want %d", len(got), st.delivered, left)
	}
}

// A disk that was away for a while is trusted again: at the end what a dead sink
// does not take is left there, and not waited with.
func TestSpoolDiskRecovers(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	if err := os.WriteFile(cfg.SpoolDir, nil, 0o600); err != nil { // no directory
		t.Fatal(err)
	}
	s := startOutlet(t, cfg)
	s.Fail(errors.New("down"))
	s.offer(flushOf(1, 100), time.Second)
	eventually(t, "the sink fails", func() bool { return s.look().failing })
	if err := os.Remove(cfg.SpoolDir); err != nil {
		t.Fatal(err)
	}
	s.offer(flushOf(2, 100), time.Second)
	eventually(t, "all is on disk", func() bool { return s.look().spooled == 200 })
	if st := s.finish(); st.spooled != 200 {
		t.Errorf("%d points on disk at the end, want 200", st.spooled)
	}
}

// When the spool is full, the oldest goes first, and is counted.
func TestSpoolFull(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	cfg.SpoolMaxBytes = 1 << 20
	s := startOutlet(t, cfg)
	s.Fail(errors.New("down"))
	const flushes, points = 200, 1000
	for at := int64(1); at <= flushes; at++ {
		s.offer(flushOf(at, points), time.Second)
		eventually(t, "the flush reaches the disk", func() bool {
			st := s.look()
			return st.spooled+st.reasons.full == uint64(at)*points
		})
	}
	st := s.look()
	if st.dropped == 0 || st.spooled == 0 {
		t.Fatalf("dropped %d, spooled %d", st.dropped, st.spooled)
	}
	s.Recover()
	got, err := s.Wait(t.Context(), int(st.spooled))
	if err != nil {
		t.Fatal(err)
	}
	if last := got[len(got)-1]; last.Time != flushes {
		t.Errorf("the newest point is of flush %d, want %d", last.Time, flushes)
	}
	if st := s.finish(); st.delivered != uint64(len(got)) {
		t.Errorf("delivered %d, the sink got %d", st.delivered, len(got))
	}
}

// A sink that hangs for ever does not hold up a healthy one.
func TestSpoolNeighbour(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	healthy := sinktest.NewRecorder()
	cfg.FlushInterval = 50 * time.Millisecond
	cfg.GaugeExpire = time.Hour
	cfg.Sinks = []NamedSink{{Name: "healthy", Sink: healthy}}
	d := start(t, cfg) // whose recorder is another sink
	d.Hang()
	for i := range 20 {
		send(t, d.dial("udp"), fmt.Sprintf("n%d:1|c", i))
		eventually(t, "the healthy sink gets it", func() bool {
			for _, p := range healthy.Points() {
				if strings.HasSuffix(p.Path, fmt.Sprintf("counters.n%d", i)) {
					return true
				}
			}
			return false
		})
	}
	d.Recover()
}

// The ledger balances at each moment, while a sink comes and goes.
func TestSpoolFlapping(t *testing.T) {
	t.Parallel()
	s := startOutlet(t, spoolConfig(t))
	var stop atomic.Bool
	flapping := make(chan struct{})
	go func() {
		defer close(flapping)
		for i := 0; !stop.Load(); i++ {
			if i%2 == 0 {
				s.Fail(errors.New("down"))
			} else {
				s.Recover()
			}
			time.Sleep(7 * time.Millisecond)
		}
		s.Recover()
	}()
	const flushes, points = 300, 50
	for at := int64(1); at <= flushes; at++ {
		s.offer(flushOf(at, points), time.Second)
		eventually(t, "the flush is queued", func() bool { return len(s.offeredNow()) < mostOffered })
	}
	stop.Store(true)
	<-flapping
	s.expect(flushes, points)
	if st := s.finish(); st.delivered != flushes*points {
		t.Errorf("delivered %d, want %d", st.delivered, flushes*points)
	}
}

func (o *outlet) offeredNow() []*aggregate.Snapshot {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.offered
}

// A daemon without time to deliver leaves all in the spool.
func TestSpoolWithoutGrace(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.SpoolDir, cfg.Grace = t.TempDir(), 0
	d := start(t, cfg)
	send(t, d.dial("udp"), "hits:1|c")
	eventually(t, "nothing comes in", func() bool { return figureOf(t, d.Server, "pending_stats") == 1 })
	d.stop()
	if st := d.outlets[0].look(); st.queued > 0 || st.spooled+st.delivered != st.made {
		t.Errorf("made %d, delivered %d, spooled %d, lost %d", st.made, st.delivered, st.spooled, st.queued)
	}
}
