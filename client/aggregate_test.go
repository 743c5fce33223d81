package client_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

func TestAggregate(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  client.Config
		do   func(c *client.Client)
		want string
	}{
		{"counters are summed", client.Config{Prefix: "p"}, func(c *client.Client) {
			c.Incr("a")
			c.Count("b", 5)
			c.Decr("a", 1)
			c.NewCounter("b").Add(2)
		}, "p.a:0|c p.b:7|c"},
		{"a sum that is too large becomes two", client.Config{}, func(c *client.Client) {
			c.Count("a", math.MaxInt64)
			c.Count("a", 2)
			c.Count("a", -3)
		}, "a:2|c a:9223372036854775804|c"},
		{"a gauge keeps its last value", client.Config{}, func(c *client.Client) {
			c.Gauge("g", 5)
			c.Gauge("g", 2)
			c.GaugeDelta("g", -3)
			g := c.NewGauge("d")
			g.Add(2)
			g.Add(-3)
			c.GaugeDelta("up", 2)
		}, "g:0|g g:-1|g d:-1|g up:+2|g"},
		{"values share a line", client.Config{}, func(c *client.Client) {
			c.Timing("t", time.Millisecond)
			c.NewTimer("t").Record(2500 * time.Microsecond)
			c.Histogram("t", 1)
			c.Histogram("t", -0.5)
			c.Distribution("t", 3)
		}, "t:1:2.5|ms t:1:-0.5|h t:3|d"},
		{"a member is sent once", client.Config{}, func(c *client.Client) {
			c.Set("s", "x")
			c.Unique("s", 1)
			c.Unique("s", 1)
			c.Set("other", "x")
			c.Set("s", "x")
		}, "s:1|s s:x|s other:x|s"},
		{"different names, tags and scopes stay apart", client.Config{}, func(c *client.Client) {
			c.Incr("a", "b")
			c.Incr("a", "b", "c")
			c.Incr("a", "b", "c")
			c.With("a").Incr("b")
			c.With("a").Incr("b")
			c.With("", "b").Incr("a")
			c.Incr("a")
			c.NewCounter("a").Incr()
			c.With("a").NewCounter("b").Incr()
			c.With("c").Incr("b")
			c.With("c").Incr("b", "t")
			c.With("a").Incr("b", "t")
		}, "a:1|c|#b a:2|c|#b,c a.b:3|c a:1|c|#b a:2|c c.b:1|c c.b:1|c|#t a.b:1|c|#t"},
		{"lines fit the packet", client.Config{Network: "udp", MaxPacketSize: 16}, func(c *client.Client) {
			for i := range 6 {
				c.Timing("time", time.Duration(i)*100*time.Millisecond)
			}
		}, "time:0:100|ms time:200:300|ms time:400:500|ms"},
		{"invalid samples", client.Config{}, func(c *client.Client) {
			c.GaugeDelta("g", math.MaxFloat64)
			c.GaugeDelta("g", math.MaxFloat64)
			c.Gauge("h", math.NaN())
			c.Incr("")
		}, ""},
		{"injected lines stay unmerged", client.Config{}, func(c *client.Client) {
			c.Inject("a", "1", "c")
			c.Inject("a", "1", "c")
		}, "a:1|c a:1|c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Aggregate = time.Hour
			rec := clienttest.New(t, test.cfg)
			for range 3 { // the first two rounds use both tables, and the third round uses the first table again
				rec.Reset()
				test.do(rec.Client)
				got := rec.Lines()
				if len(got) == 3 && strings.HasPrefix(got[0], "s:") && got[0] > got[1] {
					got[0], got[1] = got[1], got[0] // the order of set members is random
				}
				if want := strings.Fields(test.want); !slices.Equal(got, want) {
					t.Errorf("sent %q, want %q", got, want)
				}
			}
		})
	}
}

func TestAggregateSampled(t *testing.T) {
	rec := clienttest.New(t, client.Config{Aggregate: time.Hour})
	c := rec.Client.Sampled(0.5)
	for range 1000 {
		c.Incr("a")
		rec.Client.Incr("a")
	}
	lines := rec.Lines()
	if len(lines) != 2 || !slices.Contains(lines, "a:1000|c") {
		t.Errorf("sent %q, want one line without a rate and one with", lines)
	}
	if n := rec.Count("a"); math.Abs(n-2000) > 5*math.Sqrt(1000) {
		t.Errorf("counted %v, want about 2000", n)
	}
}

func TestAggregateInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := clienttest.New(t, client.Config{Aggregate: time.Second})
		sent := func() uint64 { synctest.Wait(); return rec.Client.Stats().Sent }
		for range 10 {
			rec.Client.Incr("a")
			time.Sleep(99 * time.Millisecond)
		}
		if n := sent(); n != 0 {
			t.Errorf("%d lines were sent before the interval ended", n)
		}
		time.Sleep(200 * time.Millisecond) // the rest of the Aggregate interval, and then FlushInterval
		if n := sent(); n != 1 {
			t.Errorf("%d lines were sent after the interval, want 1", n)
		}
		if n := rec.Count("a"); n != 10 {
			t.Errorf("counted %v, want 10", n)
		}
	})
}

// TestAggregateBounds uses more names and members than the tables can hold. The additional samples must be sent
// without merging. Nothing may be lost, and the tables must not grow.
func TestAggregateBounds(t *testing.T) {
	rec := clienttest.New(t, client.Config{Aggregate: time.Hour, QueueSize: 1 << 16})
	for i := range 5000 {
		for range 2 {
			rec.Client.Incr(fmt.Sprintf("n%d", i))
		}
	}
	lines := rec.Lines()
	if want := 4096 + 2*(5000-4096); len(lines) != want {
		t.Errorf("%d lines, want 4096 merged and twice the rest: %d", len(lines), want)
	}
	for _, name := range []string{"n0", "n4095", "n4096", "n4999"} {
		if n := rec.Count(name); n != 2 {
			t.Errorf("%s counted %v, want 2", name, n)
		}
	}
	rec.Reset()
	for i := range 70000 {
		for range 2 {
			rec.Client.Unique("s", int64(i))
		}
	}
	if n := len(rec.Lines()); n != 65536+2*(70000-65536) {
		t.Errorf("%d member lines", n)
	}
	if n := len(rec.Members("s")); n != 70000 {
		t.Errorf("%d members arrived, want 70000", n)
	}
}

// TestAggregateAfterClose checks that samples are not merged after Close, because they would never be sent.
func TestAggregateAfterClose(t *testing.T) {
	rec := clienttest.New(t, client.Config{Aggregate: time.Hour})
	c := rec.Client
	handle := c.NewCounter("handle")
	calls := func() {
		c.Incr("a")
		c.Gauge("g", 1)
		c.Timing("t", 1)
		c.Set("s", "m")
		c.Incr("tagged", "t")
		handle.Incr()
	}
	calls()
	flush(t, c) // from now on, both tables contain the series
	calls()
	if err := c.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	calls()
	c.Incr("new")
	s := c.Stats()
	sums(t, s, 19)
	if s.Sent != 12 || s.Dropped.AfterClose != 7 {
		t.Errorf("after Close: %+v", s)
	}
}

// TestAggregateForgets drains the tables, and removes and recreates series, while callers use these series
// without a lock. No sample may be lost or counted twice.
func TestAggregateForgets(t *testing.T) {
	const goroutines, calls = 4, 5000
	rec := clienttest.New(t, client.Config{Aggregate: time.Hour, QueueSize: 1 << 16})
	c := rec.Client
	handle := c.NewCounter("handle")
	c.Gauge("gauge", 0)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range calls {
				c.Incr("name")
				c.Incr("tagged", "t")
				handle.Incr()
				c.GaugeDelta("gauge", 1)
				if i%10 == 0 {
					runtime.Gosched() // so that some drains find no samples
				}
			}
		})
	}
	called := make(chan struct{})
	go func() { wg.Wait(); close(called) }()
	for done := false; !done; {
		select {
		case <-called:
			done = true
		default:
		}
		flush(t, c)
	}
	for _, name := range []string{"name", "tagged", "handle"} {
		if n := rec.Count(name); n != goroutines*calls {
			t.Errorf("%s counted %v, want %v", name, n, goroutines*calls)
		}
	}
	if v, _ := rec.Gauge("gauge"); v != goroutines*calls {
		t.Errorf("the gauge is %v, want %v", v, goroutines*calls)
	}
}

// TestAggregateOddNumbers sends the two values that have a special meaning in series.word. They must be handled in the
// same way as all other values.
func TestAggregateOddNumbers(t *testing.T) {
	rec := clienttest.New(t, client.Config{Aggregate: time.Hour})
	for range 3 {
		rec.Reset()
		for range 2 {
			rec.Client.Count("a", 0x7ff4_0000_0000_0001)
			rec.Client.Count("b", 0x7ff4_0000_0000_0000)
			rec.Client.Count("b", 1)
			rec.Client.Gauge("g", math.Float64frombits(0x7ff4_0000_0000_0001))
		}
		if a, b := rec.Count("a"), rec.Count("b"); a != 2*0x7ff4_0000_0000_0001 || b != a {
			t.Errorf("counted %v and %v", a, b)
		}
		if g, ok := rec.Gauge("g"); ok {
			t.Errorf("a NaN was sent as %v", g)
		}
	}
}

// TestAggregateConcurrently runs calls, flushes, handles and Close at the same time. Every sample must be sent,
// or be counted as dropped.
func TestAggregateConcurrently(t *testing.T) {
	const goroutines, calls = 8, 5000
	for _, aggregate := range []time.Duration{0, time.Millisecond} {
		rec := clienttest.New(t, client.Config{Aggregate: aggregate, QueueSize: 1 << 16})
		c := rec.Client
		shared, derived := c.NewCounter("a"), c.With("", "t")
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for i := range calls {
					c.Incr("a")
					shared.Incr()
					derived.Incr("a")
					if i%1000 == 0 {
						flush(t, c)
					}
				}
			})
		}
		wg.Wait()
		if n := rec.Count("a"); n != 3*goroutines*calls {
			t.Errorf("counted %v, want %v", n, 3*goroutines*calls)
		}
		for range goroutines {
			wg.Go(func() {
				for range calls {
					c.Incr("b")
				}
			})
		}
		var dropped *client.DroppedError
		if err := c.Close(soon(t)); err != nil && !errors.As(err, &dropped) { // some calls run after Close
			t.Error(err)
		}
		wg.Wait()
		if n := rec.Count("b") + float64(c.Stats().Dropped.AfterClose); n != goroutines*calls {
			t.Errorf("%v samples were sent or counted as late, want %v", n, goroutines*calls)
		}
	}
}

// TestAggregateTellsApart checks that names and tags of every length are distinguished if they differ in any
// byte.
func TestAggregateTellsApart(t *testing.T) {
	rec := clienttest.New(t, client.Config{Aggregate: time.Hour, QueueSize: 1 << 16})
	for n := 1; n < 70; n++ {
		rec.Reset()
		texts := []string{strings.Repeat("a", n), strings.Repeat("a", n+1)}
		for at := range n {
			texts = append(texts, texts[0][:at]+"b"+texts[0][at+1:])
		}
		for range 2 {
			for i, text := range texts {
				rec.Client.Count(text, int64(i+1))
				rec.Client.Count("tag", int64(i+1), text)
				rec.Client.Count("tags", int64(i+1), "other", text)
				rec.Client.Gauge(text+"g", float64(i))
			}
		}
		var got []string
		for i, text := range texts {
			got = append(got, fmt.Sprintf("%s:%d|c", text, 2*(i+1)), fmt.Sprintf("tag:%d|c|#%s", 2*(i+1), text),
				fmt.Sprintf("tags:%d|c|#other,%s", 2*(i+1), text), fmt.Sprintf("%sg:%d|g", text, i))
		}
		if lines := rec.Lines(); !slices.Equal(lines, got) {
			t.Fatalf("%d bytes: sent\n%q\nwant\n%q", n, lines, got)
		}
	}
}

// TestAggregateNoName checks that a sample without a name matches no series, even in a full table.
func TestAggregateNoName(t *testing.T) {
	for range 30 { // each client has a different hash function
		rec := clienttest.New(t, client.Config{Aggregate: time.Hour})
		for i := range 16 {
			rec.Client.Incr("a", fmt.Sprint(i))
		}
		rec.Client.Incr("")
		rec.Client.Count("", 1, "0")
		if n := rec.Count("a"); n != 16 {
			t.Fatalf("16 were counted as %v", n)
		}
	}
}

// TestAggregateMoreThanQueue checks that all merged samples are sent, even if the queue is very small. If the
// time for Close is too short, the remaining samples must be counted as dropped.
func TestAggregateMoreThanQueue(t *testing.T) {
	const each = 1000
	give := func(c *client.Client) {
		for i := range each {
			c.Unique("members", int64(i))
			c.Count(fmt.Sprint("counter", i), 1)
			c.Timing("values", time.Millisecond)
		}
	}
	tiny := client.Config{Aggregate: time.Second, MaxPacketSize: 100, QueueSize: 10}
	for name, leave := range map[string]func(*client.Client, context.Context) error{
		"tick":  func(*client.Client, context.Context) error { time.Sleep(3 * time.Second); return nil },
		"flush": (*client.Client).Flush,
		"close": (*client.Client).Close,
	} {
		synctest.Test(t, func(t *testing.T) {
			rec := clienttest.New(t, tiny)
			give(rec.Client)
			if err := leave(rec.Client, t.Context()); err != nil {
				t.Error(err)
			}
			s := rec.Client.Stats()
			if s.Sent < 2*each || s.Sent != s.Lines {
				t.Errorf("%s: %+v", name, s)
			}
			if m, v := len(rec.Members("members")), len(rec.Values("values")); m != each || v != each {
				t.Errorf("%s: %d members and %d values arrived, want %d", name, m, v, each)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		cfg := tiny
		cfg.Dial = (&connections{refuse: 1 << 30}).dial
		c := open(t, client.New, cfg)
		give(c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err, s := c.Close(ctx), c.Stats()
		if !errors.Is(err, context.DeadlineExceeded) || s.Dropped.Total() < 2*each || s.Dropped.Total() != s.Lines {
			t.Errorf("close without a server: %v, %+v", err, s)
		}
	})
}

// slowConn is a connection whose writes take a millisecond.
type slowConn struct{ net.Conn }

func (c slowConn) Write(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Write(b)
}

// TestAggregateBusy checks that merged samples are sent in time although other lines keep the sender busy. While
// the queue is full of other lines, merging must continue.
func TestAggregateBusy(t *testing.T) {
	for others, want := range map[int]float64{1: 200, 20: 0} {
		synctest.Test(t, func(t *testing.T) {
			sink := clienttest.New(t, client.Config{})
			c := open(t, client.New, client.Config{
				Aggregate: 100 * time.Millisecond, MaxPacketSize: 10, QueueSize: 10,
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := sink.Dial(ctx, network, address)
					return slowConn{conn}, err
				},
			})
			for range 3 {
				c.Inject("ahead", "1", "c")
			}
			for range 200 {
				for range others {
					c.Inject("other", "1", "c")
				}
				c.Incr("m")
				time.Sleep(time.Millisecond)
			}
			if n := sink.Count("m"); math.Abs(n-want) > 100 {
				t.Errorf("%d others a millisecond: %v of 200 were sent meanwhile, want about %v", others, n, want)
			}
			if err := c.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestAggregateValues checks that all values of timers arrive, even if many callers add more values than the client can
// hold. Before the server starts, so many values wait for the sender that callers must encode further values
// themselves. After the start, the sender also encodes values.
func TestAggregateValues(t *testing.T) {
	const goroutines, calls = 4, 17_400 // more values than can wait for the sender
	rec := clienttest.New(t, client.Config{})
	up := make(chan struct{})
	c := open(t, client.New, client.Config{
		Aggregate: time.Hour, QueueSize: 1 << 12,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			<-up
			return rec.Dial(ctx, network, address)
		},
	})
	give := func() {
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for i := range calls {
					c.Timing([]string{"a", "b", "c"}[i%3], time.Duration(i)*time.Millisecond)
				}
			})
		}
		wg.Wait()
	}
	give()
	close(up)
	give()
	flush(t, c)
	n, sum := 0, 0.0
	for _, name := range []string{"a", "b", "c"} {
		values := rec.Values(name)
		n += len(values)
		for _, v := range values {
			sum += v
		}
	}
	if want := 2 * goroutines * calls; n != want || sum != float64(want)*(calls-1)/2 {
		t.Errorf("%d values that add up to %v arrived, want %d and %v", n, sum, want, float64(want)*(calls-1)/2)
	}
}
