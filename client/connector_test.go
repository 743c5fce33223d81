package client_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

func TestTransports(t *testing.T) {
	for _, network := range []string{"tcp", "udp", "unix", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			r := receive(t, network, "")
			c := open(t, client.New, client.Config{Network: network, Address: r.address})
			c.Incr("a")
			c.Incr("b")
			if err := c.Close(soon(t)); err != nil {
				t.Fatal(err)
			}
			want := "a:1|c\nb:1|c"
			if network == "tcp" || network == "unix" {
				want += "\n"
			}
			r.wait(t, func(p []string) bool { return len(p) == 1 && p[0] == want })
			c.Incr("late")
			s := c.Stats()
			sums(t, s, 3)
			if s.Sent != 2 || s.Dropped.AfterClose != 1 || s.Connected || s.Writes != 1 || s.Bytes != uint64(len(want)) {
				t.Errorf("after Close: %+v", s)
			}
		})
	}
}

// TestPacking checks that packets are filled up to the last byte of the limit, and that lines are never split.
// The two lines of a negative gauge must be in the same packet.
func TestPacking(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		limit := 35
		if network == "tcp" {
			limit++ // over TCP, the limit includes the last newline of a packet
		}
		rec := clienttest.New(t, client.Config{Network: network, MaxPacketSize: limit, FlushInterval: time.Hour})
		c := rec.Client
		c.Incr("twelve.7")                  // 13 bytes with the newline
		c.Incr("twelve.7")                  // 26 bytes in the packet
		c.Incr("twelve.7")                  // a new packet, because 39 bytes do not fit
		c.Incr("b")                         // 6 bytes, so the packet has 19 bytes
		c.Gauge("gauge", -12345678)         // lines of 10 and 18 bytes: a new packet, because both must be in one packet
		c.Incr(strings.Repeat("x", 31))     // 36 bytes with the newline, exactly the limit
		c.Incr(strings.Repeat("y", 32))     // one byte too long
		c.Gauge(strings.Repeat("z", 9), -1) // 14 and 15 bytes with the newlines
		want := []string{
			"twelve.7:1|c\ntwelve.7:1|c",
			"twelve.7:1|c\nb:1|c",
			"gauge:0|g\ngauge:-12345678|g",
			strings.Repeat("x", 31) + ":1|c",
			"zzzzzzzzz:0|g\nzzzzzzzzz:-1|g",
		}
		got := rec.Packets()
		for i := range got {
			got[i] = strings.TrimSuffix(got[i], "\n")
			if len(got[i]) > 35 {
				t.Errorf("%s: a packet of %d bytes", network, len(got[i]))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: sent\n%q\nwant\n%q", network, got, want)
		}
		s := c.Stats()
		sums(t, s, 10)
		if s.Dropped.TooLong != 1 {
			t.Errorf("%d lines were too long, want 1", s.Dropped.TooLong)
		}
	}
}

// TestFlushInterval checks that a full packet is sent immediately, and any other packet after FlushInterval.
func TestFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := clienttest.New(t, client.Config{MaxPacketSize: 20})
		sent := func() uint64 { synctest.Wait(); return rec.Client.Stats().Sent }
		rec.Client.Incr("a")
		time.Sleep(99 * time.Millisecond)
		if n := sent(); n != 0 {
			t.Errorf("%d lines were sent before the interval ended", n)
		}
		time.Sleep(time.Millisecond)
		if n := sent(); n != 1 {
			t.Errorf("%d lines were sent when the interval ended, want 1", n)
		}
		for range 7 {
			rec.Client.Incr("a")
		}
		if n := sent(); n != 7 {
			t.Errorf("%d lines were sent, want 7: two packets of three without waiting", n)
		}
	})
}

// connections records the attempts to connect, and refuses the first attempts.
type connections struct {
	rec    *clienttest.Recorder
	refuse int

	mu       sync.Mutex
	attempts []time.Time
}

func (d *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts = append(d.attempts, time.Now())
	if len(d.attempts) <= d.refuse {
		return nil, errors.New("refused by the test")
	}
	return d.rec.Dial(ctx, network, address)
}

// TestReconnect checks that the pauses are doubled up to ReconnectMax, minus a random part of up to half. Lines
// from the time without a connection must be sent in order. The log must contain the recovery and some of the
// failures.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &connections{rec: clienttest.New(t, client.Config{}), refuse: 12}
		var mu sync.Mutex
		var log []string
		c, err := client.New(client.Config{
			Dial: d.dial, ReconnectMax: 8 * time.Second, LogEvery: 5,
			Log: func(line string) { mu.Lock(); defer mu.Unlock(); log = append(log, line) },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Incr("a")
		c.Incr("b")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Second)
		defer cancel()
		if err := c.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		for i, want := range []time.Duration{1, 2, 4, 8, 8, 8, 8, 8, 8, 8, 8, 8} {
			got := d.attempts[i+1].Sub(d.attempts[i])
			if want *= time.Second; got < want/2 || got > want {
				t.Errorf("attempt %d came after %v, want between half and all of %v", i+2, got, want)
			}
		}
		if got := d.rec.Lines(); !slices.Equal(got, []string{"a:1|c", "b:1|c"}) {
			t.Errorf("sent %q", got)
		}
		s := c.Stats()
		sums(t, s, 2)
		if s.Failures != 12 || s.Connects != 1 || !s.Connected || s.LastError == nil {
			t.Errorf("after reconnecting: %+v", s)
		}
		if err := c.Close(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// The log contains failures 1 to 5, failure 10, and the recovery.
		if len(log) != 7 || !strings.Contains(log[0], "refused by the test (failure 1, ") ||
			!strings.Contains(log[1], "(failure 2, 2 lines queued)") ||
			!strings.Contains(log[5], "failure 10,") || !strings.Contains(log[6], "connected to tcp 127.0.0.1:8125 after 12 failures") {
			t.Errorf("logged\n%s", strings.Join(log, "\n"))
		}
	})
}

// TestReconnectMaxAlone checks that ReconnectMax also limits the first pause.
func TestReconnectMaxAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &connections{rec: clienttest.New(t, client.Config{}), refuse: 1}
		c := open(t, client.New, client.Config{Dial: d.dial, ReconnectDelay: time.Hour, ReconnectMax: time.Second})
		c.Incr("a")
		flush(t, c)
		if wait := d.attempts[1].Sub(d.attempts[0]); wait > time.Second {
			t.Errorf("the second attempt came after %v, want at most a second", wait)
		}
	})
}

// TestReconnectPace checks that the client reconnects immediately after a connection that had lasted for a while.
// If connections end immediately, the pauses must increase.
func TestReconnectPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ends []net.Conn
		var attempts []time.Time
		var log []string
		open(t, client.New, client.Config{
			Log: func(line string) { mu.Lock(); defer mu.Unlock(); log = append(log, line) },
			Dial: func(context.Context, string, string) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				if attempts == nil {
					attempts = []time.Time{}
					return nil, errors.New("refused by the test")
				}
				near, far := net.Pipe()
				ends, attempts = append(ends, far), append(attempts, time.Now())
				if len(ends) > 2 {
					far.Close()
				}
				return near, nil
			},
		})
		time.Sleep(time.Minute)
		cut := time.Now()
		mu.Lock()
		ends[0].Close()
		mu.Unlock()
		synctest.Wait()
		time.Sleep(time.Minute)
		mu.Lock()
		if len(attempts) != 2 || !attempts[1].Equal(cut) {
			t.Errorf("connections were made at %v, want another at once at %v", attempts, cut)
		}
		ends[1].Close()
		mu.Unlock()
		time.Sleep(20 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		// The first attempt is made immediately, and the next attempts after pauses of 1, 2, 4, 8 and 16 s, each shortened by up to
		// half.
		if n := len(attempts) - 2; n < 5 || n > 7 {
			t.Errorf("%d connections in 20 s, want 5 to 7", n)
		}
		for _, line := range log[:4] {
			if !strings.Contains(line, "(failure 1,") && !strings.Contains(line, "after 1 failures") {
				t.Errorf("each recovery begins a new series of failures: %s", line)
			}
		}
	})
}

// TestCloseWithoutServer checks that Close ends the current pause, so that the client makes one more attempt at once.
// When the context of Close ends, Close must return an error that says how many samples were lost, and why.
func TestCloseWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &connections{refuse: 1 << 30}
		c, err := client.New(client.Config{Dial: d.dial, ReconnectDelay: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		c.Incr("a")
		c.Gauge("b", -1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = c.Close(ctx)
		if want := "statsd client: close: 3 samples to tcp 127.0.0.1:8125 dropped (queue full 0, too long 0, invalid 0, unsent 3, after close 0): context deadline exceeded: refused by the test"; err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v\nwant %s", err, want)
		}
		if again := c.Close(t.Context()); again == nil || again.Error() != err.Error() {
			t.Errorf("Close again: %v\nwant %v", again, err)
		}
		if len(d.attempts) != 2 {
			t.Errorf("%d attempts, want one at the start and one when Close began", len(d.attempts))
		}
		s := c.Stats()
		sums(t, s, 3)
		if s.Dropped.Unsent != 3 {
			t.Errorf("%d lines are counted as unsent, want 3", s.Dropped.Unsent)
		}
	})
}

// TestCloseIdleWithoutServer checks that Close does not wait for a connection if there is nothing to send.
func TestCloseIdleWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := client.New(client.Config{Dial: (&connections{refuse: 1 << 30}).dial})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.Sleep(time.Minute)
		if err := c.Close(t.Context()); err != nil || time.Since(start) != time.Minute {
			t.Errorf("Close took %v: %v", time.Since(start)-time.Minute, err)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Errorf("Flush after Close: %v", err)
		}
	})
}

// TestCloseIdleWhileConnecting checks that Close does not wait for a running attempt to connect if there is
// nothing to send.
func TestCloseIdleWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := client.New(client.Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil || time.Since(start) != 0 {
			t.Errorf("Close took %v: %v", time.Since(start), err)
		}
	})
}

// TestQueueFull checks that a full queue drops either the newest lines or the oldest packets, and logs this.
func TestQueueFull(t *testing.T) {
	for _, oldest := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rec := clienttest.New(t, client.Config{})
			up := make(chan struct{})
			var log atomic.Value
			c, err := client.New(client.Config{
				Network: "udp", MaxPacketSize: 17, QueueSize: 3, DropOldest: oldest, // three lines per packet
				Log: func(line string) { log.Store(line) },
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					<-up
					return rec.Dial(ctx, network, address)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				c.Count("a", int64(i%10))
			}
			synctest.Wait()
			if want := "statsd client: the queue to udp 127.0.0.1:8125 is full (3 packets): "; !strings.HasPrefix(fmt.Sprint(log.Load()), want) {
				t.Errorf("logged %v, want %s", log.Load(), want)
			}
			close(up)
			var dropped *client.DroppedError
			if err := c.Close(t.Context()); !errors.As(err, &dropped) || dropped.Samples.QueueFull == 0 || dropped.Cause != nil {
				t.Errorf("Close: %v, want the samples that the full queue dropped", err)
			}
			var got strings.Builder
			for _, line := range rec.Lines() {
				got.WriteString(line[2:3])
			}
			// Without DropOldest, the first twelve lines are sent: nine lines in three waiting packets, and
			// three lines in the packet that is being filled. With DropOldest, the nine oldest lines are
			// dropped, three at a time.
			want := "012345678901"
			if oldest {
				want = "90123456789"
			}
			if got.String() != want {
				t.Errorf("oldest %v: sent %s, want %s", oldest, got.String(), want)
			}
			s := c.Stats()
			sums(t, s, 20)
			if s.Dropped.QueueFull != 20-uint64(len(want)) {
				t.Errorf("oldest %v: %d lines are counted as dropped, want %d", oldest, s.Dropped.QueueFull, 20-len(want))
			}
		})
	}
}

// TestUDPRefused checks that a refused UDP datagram is counted, and that no other datagram is lost because of it.
func TestUDPRefused(t *testing.T) {
	r := receive(t, "udp", "")
	c := open(t, client.New, client.Config{Network: "udp", Address: r.address})
	r.stop()
	for i := range 4 {
		c.Count("gone", int64(i))
		flush(t, c)
	}
	again := receive(t, "udp", r.address)
	c.Incr("back")
	flush(t, c)
	again.wait(t, func(p []string) bool { return slices.Equal(p, []string{"back:1|c"}) })
	s := c.Stats()
	sums(t, s, 5)
	if s.Failures == 0 || !errors.Is(s.LastError, syscall.ECONNREFUSED) || s.Connects != 1 {
		t.Errorf("after refused datagrams: %+v", s)
	}
}

// TestDatagramTooLarge checks that a datagram that is too large for the network is dropped and counted. Later
// datagrams must be sent.
func TestDatagramTooLarge(t *testing.T) {
	r := receive(t, "unixgram", "")
	c := open(t, client.New, client.Config{Network: "unixgram", Address: r.address, MaxPacketSize: 1 << 20})
	c.Incr(strings.Repeat("x", 1<<20-10))
	flush(t, c)
	c.Incr("small")
	flush(t, c)
	r.wait(t, func(p []string) bool { return slices.Equal(p, []string{"small:1|c"}) })
	s := c.Stats()
	sums(t, s, 2)
	if s.Dropped.Unsent != 1 || !errors.Is(s.LastError, syscall.EMSGSIZE) {
		t.Errorf("after a datagram too large: %+v", s)
	}
}

// TestUnixgramRestart restarts a unix datagram server, which then has a new socket at the same path.
func TestUnixgramRestart(t *testing.T) {
	r := receive(t, "unixgram", "")
	c := open(t, client.New, client.Config{Network: "unixgram", Address: r.address, ReconnectDelay: time.Millisecond})
	c.Incr("a")
	flush(t, c)
	r.stop()
	c.Incr("b")
	_ = syscall.Unlink(r.address)
	again := receive(t, "unixgram", r.address)
	flush(t, c)
	again.wait(t, func(p []string) bool { return slices.Equal(p, []string{"b:1|c"}) })
}

// TestServerEndsConnection checks that the client notices the end of a connection before the client
// writes to this connection again.
func TestServerEndsConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := open(t, client.New, client.Config{Address: listener.Addr().String(), ReconnectDelay: time.Millisecond})
	buf := make([]byte, 100)
	for i := range 5 {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Count("n", int64(i))
		n, err := conn.Read(buf)
		if want := "n:" + strconv.Itoa(i) + "|c\n"; err != nil || string(buf[:n]) != want {
			t.Fatalf("connection %d carried %q, %v; want %q", i, buf[:n], err, want)
		}
		conn.Close()
	}
}

func TestValidate(t *testing.T) {
	for want, cfg := range map[string]client.Config{
		`Address is "localhost:statsd", and must be a host`:  {Address: "localhost:statsd"},
		`Address is "localhost:99999", and must be a host`:   {Address: "localhost:99999"},
		`Address is "localhost:", and must be a host`:        {Address: "localhost:"},
		`Address is "udp://localhost", and must be a host`:   {Network: "udp", Address: "udp://localhost"},
		`Address is "http://stats:8125", and must be a host`: {Address: "http://stats:8125"},
		`Address is "stats:8125:8125", and must be a host`:   {Address: "stats:8125:8125"},
		`Config.Network is "http"`:                           {Network: "http"},
		"needs the path of a socket":                         {Network: "unixgram"},
		"UDP carries at most 65507 bytes":                    {Network: "udp", MaxPacketSize: 65508},
		"must not be negative":                               {QueueSize: -1},
		"they may be at most 67108864 and":                   {MaxPacketSize: math.MaxInt},
		"QueueSize 1048577: they may be at most":             {QueueSize: 1<<20 + 1},
		"Config.ReconnectDelay is negative: -1s":             {ReconnectDelay: -time.Second},
	} {
		c, err := client.New(cfg)
		if err == nil || !strings.HasPrefix(err.Error(), "statsd client: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", cfg, err, want)
		}
		c.Incr("still safe to use")
	}
}
