package intake

import (
	"cmp"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
)

// TestMain checks that no goroutine is left after the tests.
func TestMain(m *testing.M) {
	wait.Beside()
	goleak.VerifyTestMain(m)
}

const (
	// patience is how long a test waits for something that normally happens at once.
	patience = wait.Patience
	// grace limits the time of a shutdown. A shutdown takes that long only if clients keep sending.
	grace = time.Minute
	// never is an expiry time in flushes. No test has that many flushes.
	never = 1 << 30
)

// running is an Intake that receives until the test ends, with the counts drained from it.
type running struct {
	*Intake
	t     testing.TB
	out   *counterpart.Output // the log output
	ended bool

	tally  Tally
	counts map[string]float64
	last   State // the state just before Close
}

// config returns the defaults of the command line, with a free port on the loopback address.
func config() Config {
	return Config{
		Listen: Listen{
			Host:        "127.0.0.1",
			Receivers:   2,
			UDPBuffer:   8 << 20,
			PipeTimeout: 250 * time.Millisecond,
		},
		Limits: Limits{
			MaxTCPConnections: 20_000,
			TCPIdleTimeout:    time.Hour,
			TCPLineTimeout:    time.Hour,
		},
		Table: aggregate.Config{
			MaxNames:        2_000_000,
			MaxNameLength:   1024,
			MaxSetMembers:   1_000_000,
			MaxTimerSamples: 1_000_000,
			Expire:          [metric.Kinds]uint32{metric.Counter: 2, metric.Gauge: never, metric.Timer: 2, metric.Set: 2},
		},
		FlushInterval: 10 * time.Second,
	}
}

// layout publishes counts, with a different prefix for each kind. So a path shows the kind.
func layout() aggregate.Layout {
	l := aggregate.Reference.Layout()
	l.Prefix = [metric.Kinds]string{metric.Counter: "counters", metric.Gauge: "gauges", metric.Timer: "timers", metric.Set: "sets"}
	l.Interval = time.Second
	return l
}

// start opens an Intake and starts it.
func start(t testing.TB, cfg Config) *running {
	t.Helper()
	in := open(t, cfg)
	in.start()
	return in
}

func open(t testing.TB, cfg Config) *running {
	t.Helper()
	in := &running{t: t, out: &counterpart.Output{}, counts: map[string]float64{}}
	cfg.Log = zerolog.New(in.out)
	opened, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	in.Intake = opened
	return in
}

func (in *running) start() {
	in.Start(func(err error) { in.t.Error(err) })
	in.t.Cleanup(in.stop)
}

// stop ends the Intake, drains it and closes it. It stores the Intake's last State in in.last.
func (in *running) stop() {
	in.t.Helper()
	in.end(grace)
}

// end ends the Intake, drains it and closes it. grace limits the time of the shutdown.
func (in *running) end(grace time.Duration) {
	in.t.Helper()
	if in.ended {
		return
	}
	in.ended = true
	done := make(chan struct{})
	go func() {
		in.End(grace)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(grace + patience):
		in.t.Fatalf("End does not return; the log says:\n%s", in.out)
	}
	in.last = in.State()
	if err := in.Close(); err != nil {
		in.t.Errorf("Close: %v", err)
	}
	in.drain()
}

// drain drains the Intake and returns the tally since the start.
func (in *running) drain() Tally {
	iv, tally := in.Drain()
	in.tally.Add(&tally)
	for p := range iv.Summarize(layout(), 0).Points() {
		path := string(p.Path)
		kind, _, _ := strings.Cut(path, ".")
		switch {
		case kind == "counters", kind == "timers" && strings.HasSuffix(path, ".count"):
			in.counts[path] += p.Value
		case kind == "gauges":
			in.counts[path] = p.Value
		case kind == "sets":
			in.counts[path] = max(in.counts[path], p.Value)
		}
	}
	return in.tally
}

// totals returns what was drained so far, by path: the counts of counters and timers, the last
// value of each gauge, and the maximum size of each set.
func (in *running) totals() map[string]float64 { return in.counts }

// check compares the tally since the start with the expected tally. It ignores the number of reads from streams, which
// depends on the kernel. It also checks that the sum of the listeners' counts equals the tally.
func (in *running) check(want Tally) {
	in.t.Helper()
	got := in.tally
	got.TCPReads, want.TCPReads = 0, 0
	var sum Counts
	for i := range got.Listeners {
		sum.add(&got.Listeners[i])
	}
	if want := (Counts{
		Datagrams: got.UDPPackets, Connections: got.TCPConnections, Bytes: cmp.Or(got.UDPBytes+got.TCPBytes, sum.Bytes), Lines: got.Lines,
		Bad: got.DiscardedSamples(), Refused: sum.Refused,
	}); sum != want {
		in.t.Errorf("the listeners have %+v\nwant %+v", sum, want)
	}
	got.Listeners, want.Listeners = nil, nil
	if !reflect.DeepEqual(got, want) {
		in.t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// dial connects to the Intake. The network is "udp" or "tcp".
func (in *running) dial(network string) net.Conn {
	in.t.Helper()
	conn, err := net.Dial(network, in.Addr().String())
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// send writes each text to conn with a separate write. Over UDP each text is a datagram.
func send(t testing.TB, conn net.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually waits until ok returns true, and fails the test if ok stays false.
func eventually(t testing.TB, complaint string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}
