package client_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
	"github.com/statsd-ops/statsd/internal/soak"
)

// TestSoakBatch checks that a batch job at full speed loses nothing with Config.Block. Over UDP, only the
// client's counts are checked, because the server's kernel may drop datagrams when its buffer is full.
func TestSoakBatch(t *testing.T) {
	const goroutines = 4
	calls := soak.Pick(5_000, 250_000)
	for _, network := range []string{"tcp", "udp", "unix", "unixgram"} {
		for _, aggregate := range []time.Duration{0, 50 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s, aggregate %v", network, aggregate), func(t *testing.T) {
				r := receive(t, network, "")
				c := open(t, client.New, client.Config{
					Network: network, Address: r.address, Aggregate: aggregate,
					QueueSize: 10, MaxPacketSize: 1432, Block: time.Minute,
				})
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for i := range calls {
							c.Timing("t", time.Duration(i)*time.Millisecond)
							c.Incr("c", "tag")
						}
					})
				}
				wg.Wait()
				if err := c.Close(soon(t)); err != nil {
					t.Fatal(err)
				}
				if s := c.Stats(); s.Dropped.Total() != 0 || s.Sent != s.Lines || aggregate == 0 && s.Sent != uint64(2*goroutines*calls) {
					t.Errorf("%+v", s)
				}
				if network == "udp" {
					return
				}
				r.wait(t, func(packets []string) bool { return timings(packets) == goroutines*calls })
			})
		}
	}
}

// timings returns the number of timer values in packets.
func timings(packets []string) (n int) {
	for line := range bytes.Lines([]byte(strings.Join(packets, "\n"))) {
		if values, ok := bytes.CutSuffix(bytes.TrimSpace(line), []byte("|ms")); ok {
			n += bytes.Count(values, []byte{':'})
		}
	}
	return n
}

// blocked returns a client with a full queue. There is no server until the caller calls close(up).
func blocked(t *testing.T, cfg client.Config) (c *client.Client, rec *clienttest.Recorder, up chan struct{}) {
	rec, up = clienttest.New(t, client.Config{}), make(chan struct{})
	cfg.Network, cfg.MaxPacketSize, cfg.QueueSize = "udp", 17, 2
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case <-up:
			return rec.Dial(ctx, network, address)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	cfg.DialTimeout = time.Hour
	c = open(t, client.New, cfg)
	for range 9 { // with three lines per packet, two packets wait and the third one is full
		c.Incr("a")
	}
	return c, rec, up
}

func TestBlock(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  func(ctx context.Context) client.Config
		want time.Duration
	}{
		"a time":    {func(context.Context) client.Config { return client.Config{Block: 5 * time.Second} }, 5 * time.Second},
		"a context": {func(ctx context.Context) client.Config { return client.Config{BlockContext: ctx} }, 10 * time.Second},
		"both, the time ends": {func(ctx context.Context) client.Config {
			return client.Config{Block: 5 * time.Second, BlockContext: ctx}
		}, 5 * time.Second},
		"both, the context ends": {func(ctx context.Context) client.Config { return client.Config{Block: time.Hour, BlockContext: ctx} }, 10 * time.Second},
		"neither":                {func(context.Context) client.Config { return client.Config{} }, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			c, rec, up := blocked(t, test.cfg(ctx))
			start := time.Now()
			c.Incr("b")
			if took := time.Since(start); took != test.want {
				t.Errorf("%s: the call took %v, want %v", name, took, test.want)
			}
			start = time.Now()
			for range 100 { // a dead server must delay the program by one wait, not by one wait per call
				c.Incr("b")
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("%s: further calls took %v", name, took)
			}
			close(up)
			flush(t, c)
			c.Incr("c")
			flush(t, c)
			if n := rec.Count("a") + rec.Count("c"); n != 10 || rec.Count("b") != 0 {
				t.Errorf("%s: sent %q", name, rec.Lines())
			}
			if s := c.Stats(); s.Dropped.QueueFull != 101 {
				t.Errorf("%s: %+v", name, s)
			}
		})
	}
}

// TestBlockDropOldest checks that a dead server delays the program only once with DropOldest, not for each
// dropped packet.
func TestBlockDropOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, rec, up := blocked(t, client.Config{Block: time.Second, DropOldest: true})
		start := time.Now()
		for range 90 {
			c.Incr("b")
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("90 calls took %v, want one wait of 1s", took)
		}
		close(up)
		flush(t, c)
		if s := c.Stats(); rec.Count("b") != 9 || s.Dropped.QueueFull != 90 {
			t.Errorf("sent %q, want the last 9: %+v", rec.Lines(), s)
		}
	})
}

// TestBlockEnds checks that a waiting call continues as soon as there is room, and that it ends when Close
// starts.
func TestBlockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, rec, up := blocked(t, client.Config{Block: time.Hour})
		start := time.Now()
		time.AfterFunc(time.Minute, func() { close(up) })
		c.Incr("b")
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the call took %v, want the minute until the server is there", took)
		}
		flush(t, c)
		if rec.Count("b") != 1 {
			t.Errorf("sent %q", rec.Lines())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := blocked(t, client.Config{Block: time.Hour})
		done := make(chan struct{})
		go func() { defer close(done); c.Incr("b") }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = c.Close(ctx)
		<-done
		if s := c.Stats(); s.Dropped.AfterClose != 1 || s.Dropped.Unsent != 9 {
			t.Errorf("%+v", s)
		}
	})
}

// TestBlockValues checks that callers wait if Config.Block is set and the values that wait to be encoded exceed
// the limit.
func TestBlockValues(t *testing.T) {
	const goroutines, calls = 4, 30_000
	synctest.Test(t, func(t *testing.T) {
		rec, up := clienttest.New(t, client.Config{}), make(chan struct{})
		c := open(t, client.New, client.Config{
			Aggregate: time.Hour, MaxPacketSize: 200, QueueSize: 2, Block: time.Hour,
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				<-up
				return rec.Dial(ctx, network, address)
			},
		})
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for range calls {
					c.Timing("t", time.Millisecond)
				}
			})
		}
		synctest.Wait() // all callers are waiting
		close(up)
		wg.Wait()
		flush(t, c)
		if n := len(rec.Values("t")); n != goroutines*calls || c.Stats().Dropped.Total() != 0 {
			t.Errorf("%d values arrived, want %d: %+v", n, goroutines*calls, c.Stats())
		}
	})
}
