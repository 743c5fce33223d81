package server

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink/sinktest"
	"github.com/statsd-ops/statsd/wire"
)

// No goroutine may remain after the tests.
func TestMain(m *testing.M) {
	wait.Beside()
	goleak.VerifyTestMain(m)
}

// never is a flush interval whose next multiple is in the year 2106. A daemon with this interval
// flushes only once, when it ends. The interval is a power of two in seconds, so rates are exact.
const never = 1 << 32 * time.Second

// patience is the maximum time that a test waits for something that normally happens at once.
const patience = wait.Patience

// daemon is a Server that runs until the test ends. Its first sink is a recorder.
type daemon struct {
	*Server
	*sinktest.Recorder
	t     testing.TB
	out   *counterpart.Output
	end   context.CancelFunc
	ended chan struct{}
	err   error // result of Run, valid when ended is closed
}

// kindsApart returns the layout of the naming "reference", but with a different prefix for each kind of metric.
func kindsApart() aggregate.Layout {
	l := aggregate.Reference.Layout()
	l.Prefix = [metric.Kinds]string{metric.Counter: "counters", metric.Gauge: "gauges", metric.Timer: "timers", metric.Set: "sets"}
	return l
}

// config returns the defaults of the command line, with free loopback ports. The daemon flushes
// only once, when it ends. Each kind of metric has its own prefix, so a path shows the kind.
func config() Config {
	return Config{
		Fixed: Fixed{
			Listen: intake.Listen{
				Host:        "127.0.0.1",
				Receivers:   2,
				UDPBuffer:   8 << 20,
				PipeTimeout: 250 * time.Millisecond,
			},
			Spool:         delivery.Spool{SpoolMaxBytes: 1 << 30, SpoolFsync: time.Second},
			FlushInterval: never,
			MonitorHost:   "127.0.0.1",
			MonitorPort:   -1,
			KeepValues:    100_000,
			HistoryMemory: 16 << 20,
		},
		Live: Live{
			Limits: intake.Limits{
				MaxTCPConnections: 20_000,
				TCPIdleTimeout:    time.Hour,
				TCPLineTimeout:    time.Hour,
			},
			Publish: delivery.Publish{
				QueueBytes: 64 << 20,
				SpoolAfter: 250 * time.Millisecond,
				ReplayRate: 50_000,
				Grace:      time.Minute, // long, because delivery is slow on a busy machine
			},
			Layout:          kindsApart(),
			MetadataPrefix:  "statsd",
			Expire:          2,
			GaugeExpire:     never,
			MaxNames:        2_000_000,
			MaxNameLength:   1024,
			MaxSetMembers:   1_000_000,
			MaxTimerSamples: 1_000_000,
			Audience:        alert.Audience{AlertInterval: time.Minute},
		},
	}
}

// sinkState returns the state of a sink.
func sinkState(t testing.TB, s *Server, name string) delivery.State {
	t.Helper()
	for _, st := range s.out.States() {
		if st.Name == name {
			return st
		}
	}
	t.Fatalf("no sink %s", name)
	return delivery.State{}
}

// start runs a daemon whose first sink is a recorder.
func start(t testing.TB, cfg Config) *daemon {
	t.Helper()
	d := &daemon{t: t, Recorder: sinktest.NewRecorder(), out: &counterpart.Output{}, ended: make(chan struct{})}
	cfg.Sinks = append([]delivery.Destination{{Name: "recorder", Sink: d.Recorder}}, cfg.Sinks...)
	cfg.Log = zerolog.New(d.out)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.Server = s
	ctx, cancel := context.WithCancel(context.Background())
	d.end = cancel
	go func() {
		d.err = s.Run(ctx)
		close(d.ended)
	}()
	t.Cleanup(d.stop)
	return d
}

// stop ends the daemon and waits until Run has returned.
func (d *daemon) stop() {
	d.t.Helper()
	d.end()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatalf("Run does not return; the log says:\n%s", d.out)
	}
	if d.err != nil {
		d.t.Errorf("Run: %v", d.err)
	}
}

// dial connects to the daemon over "udp" or "tcp".
func (d *daemon) dial(network string) net.Conn {
	d.t.Helper()
	conn, err := net.Dial(network, d.Addr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
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

// figureOf returns one of the daemon's figures, as of the last flush.
func figureOf(t testing.TB, s *Server, name string) float64 {
	t.Helper()
	for _, f := range s.Figures() {
		if f.Name == name {
			return f.Value
		}
	}
	t.Fatalf("no figure %s", name)
	return 0
}

// check compares figures with expected values, which are given as "name value".
func check(t testing.TB, s *Server, want ...string) {
	t.Helper()
	for _, w := range want {
		name, _, _ := strings.Cut(w, " ")
		if got := fmt.Sprintf("%s %v", name, figureOf(t, s, name)); got != w {
			t.Errorf("figure %s, want %s", got, w)
		}
	}
}

// deliver sends texts and waits until the daemon has read them. It needs a daemon that flushes only
// once.
func (d *daemon) deliver(conn net.Conn, texts ...string) {
	d.t.Helper()
	var parser wire.Parser
	var sample metric.Sample
	pending := figureOf(d.t, d.Server, "pending_stats")
	for _, text := range texts {
		send(d.t, conn, text)
		parser.Reset([]byte(text))
		for item := parser.Next(&sample); item != wire.End; item = parser.Next(&sample) {
			if item != wire.Event {
				pending++
			}
		}
	}
	eventually(d.t, "the sent lines are not read", func() bool { return figureOf(d.t, d.Server, "pending_stats") == pending })
}

// published returns the last published value of each path.
func (d *daemon) published() map[string]float64 {
	values := map[string]float64{}
	for _, p := range d.Points() {
		values[p.Path] = p.Value
	}
	return values
}

// totals returns the points of all flushes together, without the daemon's own figures. The points
// of counters and timers are added up as counts. A gauge has its last value, and a set its maximum
// number of members.
func (d *daemon) totals() map[string]float64 {
	interval := d.cfg.FlushInterval.Seconds()
	totals := map[string]float64{}
	for _, p := range d.Points() {
		kind, _, _ := strings.Cut(p.Path, ".")
		switch {
		case kind == "counters":
			totals[p.Path] += p.Value * interval
		case kind == "timers" && strings.HasSuffix(p.Path, ".count"):
			totals[p.Path] += p.Value
		case kind == "gauges":
			totals[p.Path] = p.Value
		case kind == "sets":
			totals[p.Path] = max(totals[p.Path], p.Value)
		}
	}
	return totals
}

// eventually waits until the function ok returns true.
func eventually(t testing.TB, complaint string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}
