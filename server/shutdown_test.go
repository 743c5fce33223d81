package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// Everything that clients send before shutdown is flushed. This includes data in UDP sockets, in
// open connections, and in connections that the daemon has not accepted yet.
func TestShutdownLosesNothing(t *testing.T) {
	t.Parallel()
	const datagrams, open, closed = 3_000, 20, 100
	cfg := config()
	cfg.Grace = patience // the daemon reads during the first half of the grace period
	d := start(t, cfg)
	var conns []net.Conn
	for range open {
		conns = append(conns, d.dial("tcp"))
	}
	udp := d.dial("udp")
	for range datagrams {
		send(t, udp, "udp:1|c\nudp:1|c")
	}
	for range closed {
		conn := d.dial("tcp")
		send(t, conn, "closed:1|c\nclosed:1|c")
		_ = conn.Close()
	}
	for _, conn := range conns {
		send(t, conn, "open:1|c\nopen:1|c\nunfinished:1|c")
	}
	d.stop()
	taken := datagrams - figureOf(t, d.Server, "udp.kernel_dropped") // the kernel may drop some datagrams, if it allows only a small buffer
	want := map[string]float64{"counters.udp": 2 * taken, "counters.closed": 2 * closed, "counters.open": 2 * open}
	if got := d.totals(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	check(t, d.Server, fmt.Sprint("tcp.connections ", open+closed))
	for _, conn := range conns {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !isReset(err) {
			t.Fatalf("a connection to a daemon that has ended: %v", err)
		}
	}
}

func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }

// Clients that keep sending do not delay shutdown.
func TestShutdownUnderFire(t *testing.T) {
	t.Parallel()
	wait.Longer(t, 3*time.Second, func(grace time.Duration) error {
		cfg := config()
		cfg.Grace = grace
		d := start(t, cfg)
		quit := make(chan struct{})
		defer close(quit)
		for _, network := range []string{"udp", "tcp"} {
			conn := d.dial(network)
			go func() {
				for {
					select {
					case <-quit:
						return
					default:
						if _, err := io.WriteString(conn, "fire:1|c\n"); err != nil && network == "tcp" {
							return
						}
					}
				}
			}()
		}
		eventually(t, "nothing comes in", func() bool { return figureOf(t, d.Server, "pending_stats") > 1000 })
		begun := time.Now()
		d.stop()
		t.Logf("ended %v after it was asked to, with %v samples", time.Since(begun), d.totals()["counters.fire"])
		if d.totals()["counters.fire"] == 0 {
			return errors.New("nothing was flushed")
		}
		return nil
	})
}

// The daemon sends its queues to the sinks until the grace period is over. It logs the number of points that remain.
func TestShutdownGrace(t *testing.T) {
	t.Parallel()
	t.Run("slow sink", func(t *testing.T) {
		t.Parallel()
		d := start(t, config())
		d.Hang()
		send(t, d.dial("udp"), "hits:1|c")
		d.end()
		eventually(t, "nothing is sent", func() bool { return d.Attempts() > 0 })
		d.Recover() // the sink works again before the grace period is over
		d.stop()
		if got := d.totals()["counters.hits"]; got != 1 {
			t.Errorf("%v hits, want 1", got)
		}
		if strings.Contains(d.out.String(), "undelivered") {
			t.Errorf("all was delivered, but the log says:\n%s", d.out)
		}
		if d.Closed() == 0 {
			t.Error("the sink was not closed")
		}
	})
	t.Run("sink that is back", func(t *testing.T) {
		t.Parallel()
		attempts := 3
		wait.Longer(t, 400*time.Millisecond, func(grace time.Duration) error {
			attempts++
			cfg := config()
			cfg.FlushInterval, cfg.GaugeExpire = 50*time.Millisecond, time.Hour
			cfg.Grace = grace
			d := start(t, cfg)
			d.Fail(errors.New("no"))
			eventually(t, "nothing is sent", func() bool { return d.Attempts() >= attempts })
			d.Recover() // the pause before the next attempt is longer than the grace period, so the daemon must not wait for it
			d.stop()
			if strings.Contains(d.out.String(), "undelivered") {
				return fmt.Errorf("the sink was back, but the log says:\n%s", d.out)
			}
			return nil
		})
	})
	t.Run("dead sink", func(t *testing.T) {
		t.Parallel()
		wait.Longer(t, 300*time.Millisecond, func(grace time.Duration) error {
			cfg := config()
			cfg.Grace = grace
			healthy := sinktest.NewRecorder()
			cfg.Sinks = []delivery.Destination{{Name: "healthy", Sink: healthy}}
			d := start(t, cfg)
			d.Hang()
			send(t, d.dial("udp"), "hits:1|c")
			d.stop()
			made := figureOf(t, d.Server, "numStats")
			if want := fmt.Sprintf(`"sink":"recorder","points":%v`, made); !strings.Contains(d.out.String(), want) {
				return fmt.Errorf("no %s in the log:\n%s", want, d.out)
			}
			if got := len(healthy.Points()); float64(got) != made {
				return fmt.Errorf("%d points came to the healthy sink, want %v", got, made)
			}
			return nil
		})
	})
}

// Without a grace period, the daemon still reads everything that has arrived, also from connections
// that it has not accepted yet.
func TestShutdownWithoutGrace(t *testing.T) {
	t.Parallel()
	const open, lines = 20, 100
	cfg := config()
	cfg.Grace, cfg.Receivers = 0, 1
	d := start(t, cfg)
	shard := d.in.Table().Shard(0)
	shard.Lock() // while the shard is locked, the daemon reads almost nothing
	for range open {
		send(t, d.dial("tcp"), strings.Repeat("hits:1|c\n", lines))
	}
	d.end()
	eventually(t, "it does not end", func() bool { return strings.Contains(d.out.String(), "ending") })
	shard.Unlock()
	d.stop()
	check(t, d.Server, fmt.Sprint("samples.aggregated ", open*lines))
}

// When Run returns, everything that it started has ended.
func TestShutdownEndsAll(t *testing.T) {
	before := goleak.IgnoreCurrent()
	cfg := config()
	cfg.Port, cfg.MonitorPort = int(counterpart.FreeAddress(t).Port()), 0
	cfg.Debug = true
	cfg.Alerts = true
	cfg.AlertInterval = 10 * time.Millisecond
	cfg.Notifiers = []alert.Notifier{{Name: "hanging", Notifier: &notified{hangs: true}, EveryLook: true}}
	cfg.Grace = 100 * time.Millisecond
	d := start(t, cfg)
	d.Fail(errors.New("no"))
	conn := d.dial("tcp")
	send(t, conn, "hits:1|c\nbad")
	monitor, err := net.Dial("tcp", d.MonitorAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer monitor.Close()
	d.stop()
	goleak.VerifyNone(t, before)
	for _, network := range []string{"tcp", "udp"} {
		var again io.Closer
		var err error
		if network == "udp" {
			again, err = net.ListenPacket(network, d.Addr().String())
		} else {
			again, err = net.Listen(network, d.Addr().String())
		}
		if err != nil {
			t.Fatalf("the %s port was not released: %v", network, err)
		}
		_ = again.Close()
	}
}

// Run ends at once if its context has already ended.
func TestRunWithEndedContext(t *testing.T) {
	t.Parallel()
	s, err := New(config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}
