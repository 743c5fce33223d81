package client_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// echoEnv is the name of an environment variable. If it is set, the test program is a server on the address in this
// variable. A test can kill this server, because it is a process of its own. The server copies the data that it
// receives to its standard output, one connection at a time.
const echoEnv = "STATSD_CLIENT_TEST_ECHO"

func TestMain(m *testing.M) {
	if address := os.Getenv(echoEnv); address != "" {
		listener, err := net.Listen("tcp", address)
		for err == nil {
			var conn net.Conn
			if conn, err = listener.Accept(); err == nil {
				_, _ = io.Copy(os.Stdout, conn)
			}
		}
		os.Exit(1)
	}
	wait.Beside()
	os.Exit(m.Run())
}

// incarnation is one run of the server, until it is killed.
type incarnation struct {
	cmd *exec.Cmd
	out counterpart.Output
}

func incarnate(t *testing.T, address string) *incarnation {
	p := &incarnation{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), echoEnv+"="+address)
	p.cmd.Stdout = &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *incarnation) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // Wait returns when all output was read
}

// TestSoakKilledServer kills a TCP server and restarts it under load. Only lines that the kernel had accepted may
// be lost. Each server must receive lines in order and without gaps, and the client must count all lines as sent.
func TestSoakKilledServer(t *testing.T) {
	kills, lines := soak.Pick(5, 20), soak.Pick(20_000, 1_000_000)
	address := counterpart.FreeAddress(t).String()
	c := open(t, client.New, client.Config{Address: address, ReconnectDelay: 5 * time.Millisecond, ReconnectMax: 20 * time.Millisecond})
	var given, enough atomic.Int64
	enough.Store(math.MaxInt64)
	load := make(chan struct{})
	go func() {
		defer close(load)
		for n := int64(0); n < max(int64(lines), enough.Load()); n++ {
			c.Count("n", n)
			given.Add(1)
			if n%100 == 0 {
				time.Sleep(10 * time.Microsecond)
			}
			for n%1000 == 0 && c.Stats().Queued > 200_000 {
				time.Sleep(time.Millisecond) // slow enough that no line is dropped
			}
		}
	}()
	servers := []*incarnation{incarnate(t, address)}
	for range kills {
		server := servers[len(servers)-1]
		poll(t, "the server to be sent something", func() bool { return server.out.String() != "" })
		until := given.Load() + int64(lines/kills/2)
		poll(t, "more load", func() bool { return given.Load() >= until })
		server.kill()
		servers = append(servers, incarnate(t, address))
	}
	// The kernel may still accept one packet for the killed server. Later lines are sent to the new server.
	enough.Store(given.Load() + 10_000)
	<-load
	if err := c.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	lines = int(given.Load())
	last := servers[len(servers)-1]
	poll(t, "the last line", func() bool {
		return strings.HasSuffix(last.out.String(), "n:"+strconv.Itoa(lines-1)+"|c\n")
	})

	next, received, lost := 0, 0, 0
	for i, server := range servers {
		server.kill()
		out := server.out.String()
		whole := out[:strings.LastIndexByte(out, '\n')+1]
		for j, line := range strings.Split(strings.TrimSuffix(whole, "\n"), "\n") {
			if line == "" {
				continue // this server was killed before it had received a complete line
			}
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(line, "n:"), "|c"))
			if err != nil || n < next || n > next && j > 0 {
				t.Fatalf("server %d, line %d is %q, want n:%d|c: %v", i, j, line, next, err)
			}
			lost += n - next
			received++
			next = n + 1
		}
	}
	s := c.Stats()
	sums(t, s, uint64(lines))
	if s.Dropped.Total() != 0 || s.Sent != uint64(lines) || received+lost != lines {
		t.Errorf("%d received, %d lost in the kernel: %+v", received, lost, s)
	}
	t.Logf("%d lines, %d kills, %d lost in the kernels' buffers, %d connections", lines, kills, lost, s.Connects)
}

// TestSoakStalledServer uses a server that accepts connections but never reads. Calls must not block, memory must
// be limited, and every line must be counted.
func TestSoakStalledServer(t *testing.T) {
	const goroutines = 8
	calls := soak.Pick(20_000, 5_000_000)
	c := stalled(t, client.Config{QueueSize: 200})
	already := c.Stats().Lines
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range calls {
				c.Incr("some.counter.of.a.stalled.client")
			}
		})
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	s := c.Stats()
	sums(t, s, already+uint64(goroutines*calls))
	if s.Dropped.QueueFull < uint64(goroutines*calls)/2 || !s.Connected {
		t.Errorf("the server did not stall: %+v", s)
	}
	// The limit is twice the limit in the comment of Config.QueueSize, because the test needs memory too.
	if grown, limit := int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(2*202*8192); grown > limit {
		t.Errorf("the heap grew by %d bytes, more than %d", grown, limit)
	}
}

// stalled returns a client for a server that accepts connections but never reads. The socket buffers are small.
func stalled(t testing.TB, cfg client.Config) *client.Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	connected := make(chan struct{}, 1)
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		server, err := listener.Accept()
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { server.Close() })
		connected <- struct{}{}
		return conn, errors.Join(conn.(*net.TCPConn).SetWriteBuffer(4<<10), server.(*net.TCPConn).SetReadBuffer(4<<10))
	}
	cfg.Address = listener.Addr().String()
	cfg.WriteTimeout = time.Hour
	c := open(t, client.New, cfg)
	c.Inject("some.counter.of.a.stalled.client", "1", "c")
	<-connected
	for full := c.Stats().Dropped.QueueFull; c.Stats().Dropped.QueueFull == full; {
		c.Inject("some.counter.of.a.stalled.client", "1", "c")
	}
	return c
}

// BenchmarkStalledServer measures how long the slowest calls take while the queue is full. It reports the percentiles
// 99.9 and 99.999 of the call times.
func BenchmarkStalledServer(b *testing.B) {
	for _, bench := range []struct {
		name      string
		aggregate time.Duration
		call      func(c *client.Client)
	}{
		{"Incr", 0, func(c *client.Client) { c.Incr("some.counter.of.a.stalled.client") }},
		{"merged Timing", time.Second, func(c *client.Client) { c.Timing("some.timer", 1234567) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := stalled(b, client.Config{Aggregate: bench.aggregate})
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				start := time.Now()
				bench.call(c)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)-1-len(took)/1_000]), "p99.9-ns")
			b.ReportMetric(float64(took[len(took)-1-len(took)/100_000]), "p99.999-ns")
		})
	}
}

// poll waits until the call so() returns true. After a minute, the test fails.
func poll(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait.Patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}
