package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// flushOf returns a snapshot of n points whose values identify the flush.
func flushOf(at int64, n int) *aggregate.Snapshot {
	sn := &aggregate.Snapshot{Time: at}
	for i := range n {
		sn.Own = append(sn.Own, metric.Point{Path: fmt.Appendf(nil, "p%d", i), Value: float64(at), Time: at})
	}
	return sn
}

// spooled is a running outlet with a spool, and the sink of the outlet.
type spooled struct {
	*outlet
	*sinktest.Recorder
	t     *testing.T
	sent  chan struct{} // closed when the sender has ended
	looks chan struct{}
}

func (s *spooled) offer(sn *aggregate.Snapshot, interval time.Duration) {
	s.take(s.batchOf(sn), interval, 1)
}

func spoolConfig(t *testing.T) Config {
	return Config{
		Spool: Spool{SpoolDir: filepath.Join(t.TempDir(), "spool"), SpoolMaxBytes: 1 << 30, SpoolFsync: time.Second},
		Publish: Publish{
			QueueBytes: 64 << 20,
			SpoolAfter: 20 * time.Millisecond,
			ReplayRate: 1e9,
		},
		Log: zerolog.Nop(),
	}
}

func startOutlet(t *testing.T, cfg Config) *spooled {
	t.Helper()
	r := sinktest.NewRecorder()
	return startOutletOf(t, cfg, Destination{Name: "recorder", Sink: r}, r)
}

func startOutletOf(t *testing.T, cfg Config, d Destination, r *sinktest.Recorder) *spooled {
	t.Helper()
	o := newOutlet(newQueue(newLife(), &d, cfg.Log), d)
	if err := o.open(&cfg, nil); err != nil {
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

// waits returns the number of undelivered points.
func (s *spooled) waits() uint64 {
	st := s.state()
	return st.Waiting()
}

// balance checks that the counts of points add up while the outlet runs.
func (s *spooled) balance() {
	defer close(s.looks)
	for {
		st := s.state()
		if in, out := st.Made+st.Recovered, st.Delivered+st.Queued+st.Spooled+st.Dropped; in != out {
			s.t.Errorf("made %d + recovered %d != delivered %d + queued %d + spooled %d + dropped %d",
				st.Made, st.Recovered, st.Delivered, st.Queued, st.Spooled, st.Dropped)
			return
		}
		select {
		case <-s.sent:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// finish ends the outlet and closes its spool.
func (s *spooled) finish() State {
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
	return s.state()
}

// expect checks that the sink received the flushes 1 to last in order, and each of them once.
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

// TestSpoolOutage has a failing sink for 360 flushes. All points are delivered once, in order and
// with their own timestamps. During the outage the undelivered points are on disk, not in memory.
func TestSpoolOutage(t *testing.T) {
	t.Parallel()
	const flushes, points = 360, 500
	s := startOutlet(t, spoolConfig(t))
	s.offer(flushOf(1, points), time.Second)
	s.expect(1, points)
	s.Fail(errors.New("down"))
	for at := int64(2); at <= flushes; at++ {
		s.offer(flushOf(at, points), time.Second)
		eventually(t, "the flush reaches the disk", func() bool { return s.state().Spooled == uint64(at-1)*points })
	}
	if st := s.state(); st.Queued != 0 {
		t.Errorf("%d points in memory", st.Queued)
	}
	s.Recover()
	s.expect(flushes, points)
	s.offer(flushOf(flushes+1, points), time.Second)
	s.expect(flushes+1, points)
	if st := s.finish(); st.Delivered != (flushes+1)*points || st.Dropped != 0 {
		t.Errorf("delivered %d, dropped %d", st.Delivered, st.Dropped)
	}
}

// After a restart, the daemon finds the points that the earlier process did not deliver, and sends
// them first.
func TestSpoolRestart(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	first := startOutlet(t, cfg)
	first.Fail(errors.New("down"))
	for at := int64(1); at <= 10; at++ {
		first.offer(flushOf(at, 100), time.Second)
		eventually(t, "the flush is queued", func() bool { return len(first.offeredNow()) == 0 })
	}
	start := time.Now()
	if st := first.finish(); st.Spooled != 1000 || st.Queued != 0 {
		t.Fatalf("%d points on disk and %d in memory at the end, want 1000 and none", st.Spooled, st.Queued)
	}
	if took := time.Since(start); took > lastRetry {
		t.Errorf("ending took %v: it waited for a sink that fails", took)
	}
	second := startOutlet(t, cfg)
	second.offer(flushOf(11, 100), time.Second)
	second.expect(11, 100)
	if st := second.finish(); st.Recovered != 1000 || st.Delivered != 1100 || st.Made != 100 {
		t.Errorf("recovered %d, delivered %d, made %d; want 1000, 1100, 100", st.Recovered, st.Delivered, st.Made)
	}
}

// A slow send succeeds after its payload was moved to the spool. The payload must not be sent
// again.
func TestSpoolSlowSend(t *testing.T) {
	t.Parallel()
	s := startOutlet(t, spoolConfig(t))
	s.Hang()
	for at := int64(1); at <= 3; at++ {
		s.offer(flushOf(at, 100), time.Second)
	}
	eventually(t, "all is on disk", func() bool { return s.state().Spooled == 300 })
	s.Recover()
	s.expect(3, 100)
	s.offer(flushOf(4, 100), time.Second)
	s.expect(4, 100)
	if st := s.finish(); st.Delivered != 400 {
		t.Errorf("delivered %d, want 400", st.Delivered)
	}
}

// While the disk fails, payloads wait in memory up to the limit. When the disk works again, they
// are moved to the spool.
func TestSpoolDiskFails(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	if err := os.WriteFile(cfg.SpoolDir, nil, 0o600); err != nil { // a file at the directory's path makes the spool fail
		t.Fatal(err)
	}
	cfg.QueueBytes = payloadBytes
	s := startOutlet(t, cfg)
	s.Fail(errors.New("down"))
	const points = 1000
	var made int64
	for s.state().Dropped == 0 {
		made++
		s.offer(flushOf(made, points), time.Second)
		eventually(t, "the flush is queued", func() bool { return s.waits()+s.state().Dropped == uint64(made)*points })
	}
	if err := os.Remove(cfg.SpoolDir); err != nil {
		t.Fatal(err)
	}
	made++
	s.offer(flushOf(made, points), time.Second)
	eventually(t, "all is on disk", func() bool { st := s.state(); return st.Queued == 0 && st.Spooled > 0 })
	left := int(made)*points - int(s.state().Dropped)
	s.Recover()
	got, err := s.Wait(t.Context(), left)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(got, func(a, b sinktest.Point) int { return int(a.Time - b.Time) }) || got[len(got)-1].Time != made {
		t.Error("the flushes came out of order, or the newest not at all")
	}
	if st := s.finish(); len(got) != left || st.Delivered != uint64(left) {
		t.Errorf("the sink got %d points, %d were delivered, want %d", len(got), st.Delivered, left)
	}
}

// After an error the spool is used again when the disk works. At shutdown, points for a dead sink
// stay in the spool and cause no delay.
func TestSpoolDiskRecovers(t *testing.T) {
	t.Parallel()
	cfg := spoolConfig(t)
	if err := os.WriteFile(cfg.SpoolDir, nil, 0o600); err != nil { // a file at the directory's path makes the spool fail
		t.Fatal(err)
	}
	s := startOutlet(t, cfg)
	s.Fail(errors.New("down"))
	s.offer(flushOf(1, 100), time.Second)
	eventually(t, "the sink fails", func() bool { return s.state().Failing })
	if err := os.Remove(cfg.SpoolDir); err != nil {
		t.Fatal(err)
	}
	s.offer(flushOf(2, 100), time.Second)
	eventually(t, "all is on disk", func() bool { return s.state().Spooled == 200 })
	if st := s.finish(); st.Spooled != 200 {
		t.Errorf("%d points on disk at the end, want 200", st.Spooled)
	}
}

// When the spool is full, the oldest points are dropped and counted.
func TestSpoolFull(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	cfg := spoolConfig(t)
	cfg.SpoolMaxBytes = 2 << 20
	s := startOutlet(t, cfg)
	s.Fail(errors.New("down"))
	const flushes, points = 200, 1000
	for at := int64(1); at <= flushes; at++ {
		s.offer(flushOf(at, points), time.Second)
		eventually(t, "the flush reaches the disk", func() bool {
			st := s.state()
			return st.Spooled+st.Reasons.Full == uint64(at)*points
		})
	}
	st := s.state()
	if st.Dropped == 0 || st.Spooled == 0 {
		t.Fatalf("dropped %d, spooled %d", st.Dropped, st.Spooled)
	}
	s.Recover()
	got, err := s.Wait(t.Context(), int(st.Spooled))
	if err != nil {
		t.Fatal(err)
	}
	if last := got[len(got)-1]; last.Time != flushes {
		t.Errorf("the newest point is of flush %d, want %d", last.Time, flushes)
	}
	if st := s.finish(); st.Delivered != uint64(len(got)) {
		t.Errorf("delivered %d, the sink got %d", st.Delivered, len(got))
	}
}

// While a sink fails and recovers, the counts of points add up at each moment.
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
	}
	stop.Store(true)
	<-flapping
	s.expect(flushes, points)
	if st := s.finish(); st.Delivered != flushes*points {
		t.Errorf("delivered %d, want %d", st.Delivered, flushes*points)
	}
}

// patience is the maximum time that a test waits for something that normally happens at once.
const patience = time.Minute

// eventually waits until ok() returns true.
func eventually(t testing.TB, complaint string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}

func (o *outlet) offeredNow() []Batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.offered
}
