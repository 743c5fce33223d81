package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

// TestDroppedError checks that the error of Close says what was dropped since New, and why Close ended early.
func TestDroppedError(t *testing.T) {
	why := errors.New("the job was stopped")
	for name, ends := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"timeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, time.Second, why)
		},
		"cancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(why) })
			return ctx, func() { cancel(nil) }
		},
	} {
		for _, aggregate := range []time.Duration{0, time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, client.New, client.Config{Dial: (&connections{refuse: 1 << 30}).dial, Aggregate: aggregate, MaxPacketSize: 100})
				for range 100 {
					c.Timing("t", 1)
				}
				c.Incr(strings.Repeat("x", 100))
				c.Set("s", "")
				ctx, cancel := ends(t.Context())
				defer cancel()
				if err := c.Flush(ctx); !errors.Is(err, why) || !errors.Is(err, ctx.Err()) {
					t.Errorf("%s: Flush: %v", name, err)
				}
				err := c.Close(ctx)
				var dropped *client.DroppedError
				if !errors.As(err, &dropped) || dropped.Samples != (client.Drops{Unsent: 100, TooLong: 1, Invalid: 1}) {
					t.Fatalf("%s: %v", name, err)
				}
				if !errors.Is(err, why) || !errors.Is(err, ctx.Err()) || !strings.Contains(err.Error(), "refused by the test") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v", name, err)
				}
				c.Incr("late")
				if err := c.Close(t.Context()); !errors.As(err, &dropped) || dropped.Samples.AfterClose != 1 || !errors.Is(err, why) {
					t.Errorf("%s, again: %v", name, err)
				}
			})
		}
	}
}

// TestDroppedSamples checks that a dropped line with several merged values counts as several samples, for every
// cause.
func TestDroppedSamples(t *testing.T) {
	give := func(c *client.Client) {
		for range 2000 {
			c.Timing("t", time.Millisecond)
			c.Histogram("h", 2)
			c.Distribution("d", 3)
		}
		c.Inject("own", "1:2", "ms")
		c.Gauge("g", 1)
	}
	const given = 3*2000 + 2
	for name, cfg := range map[string]client.Config{
		"queue full, newest": {QueueSize: 1, MaxPacketSize: 100},
		"queue full, oldest": {QueueSize: 1, MaxPacketSize: 100, DropOldest: true},
		"unsent":             {},
		"too long":           {MaxPacketSize: 6},
	} {
		synctest.Test(t, func(t *testing.T) {
			rec, conns := clienttest.New(t, client.Config{}), 0
			cfg.Aggregate = time.Second
			cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if conns++; conns > 1 {
					return nil, errors.New("refused by the test")
				}
				conn, err := rec.Dial(ctx, network, address)
				return &cutConn{conn, 50}, err // this connection accepts only a part of the first packet
			}
			c := open(t, client.New, cfg)
			give(c)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var dropped *client.DroppedError
			if err := c.Close(ctx); !errors.As(err, &dropped) {
				t.Fatalf("%s: %v", name, err)
			}
			sent := 0
			for _, packet := range rec.Packets() { // only the complete lines of a packet were sent
				for line := range strings.Lines(packet) {
					if strings.HasPrefix(line, "own:") {
						sent++ // the client's own line counts as one sample
					} else if strings.HasSuffix(line, "\n") {
						sent += max(1, strings.Count(strings.Split(line, "|")[0], ":"))
					}
				}
			}
			if total := dropped.Samples.Total(); total+uint64(sent) != given {
				t.Errorf("%s: %d sent and %d dropped, want %d: %v", name, sent, total, given, c.Stats())
			}
			if s := c.Stats(); s.DroppedSamples != dropped.Samples || s.Dropped.Total() >= s.DroppedSamples.Total() && name == "unsent" {
				t.Errorf("%s: %+v", name, s)
			}
		})
	}
}

// TestLastReport checks that Close waits until the last report about dropped samples is logged. The log must contain
// all losses.
func TestLastReport(t *testing.T) {
	for range 20 {
		const calls = 5_000
		var log lines
		c := open(t, client.New, client.Config{
			Log: func(line string) { time.Sleep(time.Millisecond); log.add(line) }, QueueSize: 1, MaxPacketSize: 100,
			Dial: (&connections{refuse: 1 << 30}).dial, LogEvery: 1,
		})
		for range calls {
			c.Incr("a")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var dropped *client.DroppedError
		if err := c.Close(ctx); !errors.As(err, &dropped) || dropped.Samples.Total() != calls {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%d samples dropped so far", dropped.Samples.QueueFull); !log.contains("is full (1 packets): " + want) {
			t.Fatalf("logged\n%s\nwant %s", log.text(), want)
		}
		if want := fmt.Sprintf("in time or at all: %d samples dropped so far", dropped.Samples.Unsent); !log.contains(want) {
			t.Fatalf("logged\n%s\nwant %s", log.text(), want)
		}
	}
}

// TestLastReportOfStuckWrite checks that a blocked connection does not delay the last report about dropped samples.
func TestLastReportOfStuckWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		defer close(forever)
		var log lines
		c := open(t, client.New, client.Config{Log: log.add, LogEvery: 2, Dial: func(context.Context, string, string) (net.Conn, error) {
			return silent(func([]byte) (int, error) { <-forever; return 0, net.ErrClosed }), nil
		}})
		c.Incr("a")
		for _, pause := range []time.Duration{500, 1000, 700} { // with LogEvery 2, the reports 1, 2, 4, 6 and so on are logged, but not report 3
			c.Incr("")
			time.Sleep(pause * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !log.contains("3 samples dropped so far") {
			t.Errorf("Close: %v, logged\n%s", err, log.text())
		}
	})
}

func TestLogger(t *testing.T) {
	var log lines
	rec := clienttest.New(t, client.Config{})
	d := &connections{rec: rec, refuse: 1}
	c := open(t, client.New, client.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), Dial: d.dial, ReconnectDelay: time.Millisecond})
	c.Incr("")
	c.Incr("a")
	var dropped *client.DroppedError
	if err := c.Close(soon(t)); !errors.As(err, &dropped) {
		t.Fatal(err)
	}
	for _, want := range []string{
		`level=WARN msg="statsd client: refused by the test (failure 1, `,
		`level=INFO msg="statsd client: connected to tcp 127.0.0.1:8125 after 1 failures" server="tcp 127.0.0.1:8125"`,
		`1 samples dropped so far"`,
	} {
		if !log.contains(want) {
			t.Errorf("logged\n%s\nwant %s", log.text(), want)
		}
	}
}

// TestStatsInterval checks the counters that the client sends about itself. The values sent for a
// counter must add up to its number in Stats. Close must send what was counted since the last
// interval.
func TestStatsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := clienttest.New(t, client.Config{Prefix: "p", TypePrefixes: true, StatsInterval: time.Minute, Aggregate: time.Second})
		c := rec.Client
		c.Incr("a")
		c.Incr("")
		time.Sleep(90 * time.Second)
		for name, want := range map[string]float64{"lines": 2, "sent": 1, "dropped.invalid": 1, "dropped.queue_full": 0} {
			if n := rec.Count("p.counters.statsd_client." + name); n != want {
				t.Errorf("%s is %v, want %v", name, n, want)
			}
		}
		if v, ok := rec.Gauge("p.gauges.statsd_client.queued"); v != 0 || !ok {
			t.Errorf("queued is %v, %v", v, ok)
		}
		c.Incr("")
		_ = c.Close(t.Context())
		if !slices.Contains(rec.Lines(), "p.counters.statsd_client.dropped.invalid:1|c") || rec.Count("p.counters.statsd_client.dropped.invalid") != 2 {
			t.Errorf("at the end: sent %q", rec.Lines())
		}
	})
}

// TestStatsIntervalWhenFull checks that the client sends its own counters, and that they are exact, even if the queue
// is always full.
func TestStatsIntervalWhenFull(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"drop":        {},
		"drop oldest": {DropOldest: true},
		"block":       {Block: time.Hour},
		"aggregate":   {Aggregate: 20 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			rec := clienttest.New(t, client.Config{})
			cfg.Network, cfg.MaxPacketSize, cfg.QueueSize, cfg.StatsInterval = "udp", 60, 3, time.Second
			cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := rec.Dial(ctx, network, address)
				return slow{conn}, err
			}
			c := open(t, client.New, cfg)
			var wg sync.WaitGroup
			calls := 40_000 // more lines than the server can read
			if cfg.Aggregate > 0 {
				calls = 200_000 // more samples than the aggregator can hold
			}
			wg.Go(func() {
				for i := range calls {
					c.Unique("s", int64(i))
					if i%(calls/4000) == 0 {
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
			time.Sleep(30 * time.Second)
			if rec.Count("statsd_client.lines") == 0 {
				t.Errorf("%s: nothing was sent while the queue was full", name)
			}
			wg.Wait()
			_ = c.Close(t.Context())
			if s := c.Stats(); rec.Count("statsd_client.dropped.queue_full") != float64(s.DroppedSamples.QueueFull) ||
				(s.DroppedSamples.QueueFull == 0) != (name == "block") {
				t.Errorf("%s: sent %v: %+v", name, rec.Count("statsd_client.dropped.queue_full"), s)
			}
		})
	}
}

// slow is a connection that needs some time for each packet.
type slow struct{ net.Conn }

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return s.Conn.Write(b)
}

func TestReport(t *testing.T) {
	var log lines
	c := open(t, client.New, client.Config{Log: log.add, Dial: clienttest.New(t, client.Config{}).Dial})
	c.Report(errors.New("of the test"))
	(*client.Client)(nil).Report(io.EOF)
	if err := c.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Failures != 1 || !log.contains("of the test (error 1)") {
		t.Errorf("%+v, logged\n%s", s, log.text())
	}
	c.Report(io.EOF) // this call comes after Close
}
