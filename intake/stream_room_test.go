package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
)

// isCut reports whether the other end closes conn within d.
func isCut(t *testing.T, conn net.Conn, d time.Duration) bool {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(d))
	_, err := conn.Read(make([]byte, 1))
	if err == nil {
		t.Error("something was sent to a client")
	}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// sendSlowly sends text several times, with a pause before each, until conn is closed. It returns
// how often it has sent text.
func sendSlowly(conn net.Conn, text string, pause time.Duration, times int) (sent int) {
	for ; sent < times; sent++ {
		time.Sleep(pause)
		if _, err := io.WriteString(conn, text); err != nil {
			break
		}
	}
	return sent
}

// A connection is closed if it completes no line within TCPIdleTimeout. A connection that completes lines more often
// stays open.
func TestIdleStreamsAreCut(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	wait.Longer(t, 500*time.Millisecond, func(timeout time.Duration) error { return idleStreamsAreCut(t, timeout) })
}

func idleStreamsAreCut(t *testing.T, timeout time.Duration) error {
	cfg := config()
	cfg.TCPIdleTimeout = timeout
	in := start(t, cfg)
	defer in.stop()
	silent, once, often := in.dial("tcp"), in.dial("tcp"), in.dial("tcp")
	send(t, once, "once:1|c\n")
	if n := sendSlowly(often, "often:1|c\n", timeout/5, 20); n != 20 {
		return fmt.Errorf("the connection that was in use was cut after %d lines", n)
	}
	if !isCut(t, silent, patience) || !isCut(t, once, patience) {
		t.Fatal("idle connections are not cut")
	}
	if isCut(t, often, time.Millisecond) {
		return errors.New("the connection that was in use was cut")
	}
	_ = often.Close()
	in.stop()
	in.check(Tally{
		TCPConnections: 3, TCPBytes: 20*10 + 9, TCPCut: [CutReasons]uint64{CutIdle: 2}, Lines: 21, Samples: 21, Aggregated: 21,
	})
	if n := in.last.OpenConnections; n != 0 {
		t.Errorf("%d connections are open at the end", n)
	}
	return nil
}

func TestIdleStreamsCanStay(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.TCPIdleTimeout, cfg.TCPLineTimeout = 0, 50*time.Millisecond
	in := start(t, cfg)
	conn := in.dial("tcp")
	if isCut(t, conn, 300*time.Millisecond) {
		t.Error("cut without a timeout")
	}
	send(t, conn, "a:1|c\n")
	_ = conn.Close()
	in.stop()
	in.check(Tally{TCPConnections: 1, TCPBytes: 6, Lines: 1, Samples: 1, Aggregated: 1})
}

// A line must be completed in time, even if its bytes keep arriving. This limit, TCPLineTimeout,
// does not apply to an idle connection without an unfinished line.
func TestUnfinishedLinesAreCut(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	wait.Longer(t, 400*time.Millisecond, func(timeout time.Duration) error { return unfinishedLinesAreCut(t, timeout) })
}

func unfinishedLinesAreCut(t *testing.T, timeout time.Duration) error {
	cfg := config()
	cfg.TCPLineTimeout = timeout
	in := start(t, cfg)
	defer in.stop()
	pause := timeout / 8
	idle, slow, endless, long, good := in.dial("tcp"), in.dial("tcp"), in.dial("tcp"), in.dial("tcp"), in.dial("tcp")
	send(t, slow, "before:1|c\nslow:")
	go sendSlowly(slow, "1", pause, 1_000)
	go sendSlowly(endless, strings.Repeat("x", 100_000), 10*time.Millisecond, 1_000)
	longSent := make(chan int, 1)
	go func() { // these lines are too long, but they end in time
		n := 0
		for range 10 {
			n += sendSlowly(long, strings.Repeat("x", maxLine-10), pause, 1)
			n += sendSlowly(long, strings.Repeat("x", 20)+"\n ", pause, 1)
		}
		longSent <- n
	}()
	if n := sendSlowly(good, "a:1|c\nb:1|", pause, 1) + sendSlowly(good, "c\na:1|c\nb:1|", pause, 20); n != 21 {
		return fmt.Errorf("lines that end in time were cut after %d", n)
	}
	if _, err := io.WriteString(good, "c\n"); err != nil {
		return err
	}
	_ = good.Close()
	if n := <-longSent; n != 20 || isCut(t, long, time.Millisecond) {
		return fmt.Errorf("long lines that end in time were cut after %d", n/2)
	}
	_ = long.Close()
	if !isCut(t, slow, patience) || !isCut(t, endless, patience) {
		t.Fatal("endless lines are not cut")
	}
	if isCut(t, idle, 10*time.Millisecond) {
		t.Fatal("an idle connection was cut")
	}
	if n := in.Live().TCPCut[CutUnfinished]; n != 2 {
		return fmt.Errorf("%d connections were cut, want 2", n)
	}
	in.stop()
	in.tally.TCPBytes = 0 // the number depends on when the slow connections were closed
	in.check(Tally{
		TCPConnections: 5, TCPCut: [CutReasons]uint64{CutUnfinished: 2}, Lines: 55, Samples: 55, Aggregated: 43,
		Discarded: [metric.Reasons]uint64{metric.TooLong: 11, metric.Unfinished: 1},
	})
	if in.totals()["counters.slow"] != 0 {
		t.Error("a part of a line counted")
	}
	return nil
}

// At the limit for connections, the connection with the oldest unfinished line is closed. Without
// unfinished lines, the connection that was idle longest is closed.
func TestRoomForStreams(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxTCPConnections = 3
	in := start(t, cfg)
	read := 0
	tell := func(conn net.Conn, text string) {
		t.Helper()
		send(t, conn, text)
		read += len(text)
		eventually(t, text+" is not read", func() bool { return in.Live().TCPBytes == uint64(read) })
	}
	join := func() net.Conn {
		t.Helper()
		conn := in.dial("tcp")
		tell(conn, "hello:1|c\n")
		return conn
	}
	a, b, c := join(), join(), join()
	tell(a, "a:1|c\na:1")
	tell(b, "b:1|c\n")
	tell(c, "c:1|c\nc:1")
	for i, want := range []net.Conn{a, c, b} {
		join()
		if !isCut(t, want, patience) {
			t.Errorf("new connection %d: the wrong connection was closed for it", i)
		}
		if n := in.State().OpenConnections; n > 3 {
			t.Errorf("%d connections are open", n)
		}
	}
	in.stop()
	in.check(Tally{
		TCPConnections: 6, TCPBytes: uint64(read), TCPCut: [CutReasons]uint64{CutFull: 3}, Lines: 11, Samples: 11, Aggregated: 9,
		Discarded: [metric.Reasons]uint64{metric.Unfinished: 2},
	})
}

// If a connection is closed to free room for a new connection, the lines of the closed connection that
// have already arrived are counted.
func TestRoomCostsNoLine(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxTCPConnections = 1
	in := start(t, cfg)
	const n = 200
	for range n {
		send(t, in.dial("tcp"), "a:1|c\n")
	}
	last := in.dial("tcp")
	eventually(t, "the last one is not served", func() bool { return in.State().OpenConnections == 1 && in.Live().Samples == n })
	_ = last.Close()
	in.stop()
	if got := in.tally; got.Aggregated != n || got.TCPConnections != n+1 {
		t.Errorf("%d samples of %d connections, want %d of %d", got.Aggregated, got.TCPConnections, n, n+1)
	}
}

// The total size of all unfinished lines stays within the memory limit.
func TestUnfinishedLinesTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	in := start(t, config())
	good := in.dial("tcp")
	begun := bytes.Repeat([]byte{'x'}, maxLine-10)
	for range maxTails/len(begun) + 100 {
		conn := in.dial("tcp")
		_, _ = conn.Write(begun) // ignore the error, because the connection may already be closed
	}
	eventually(t, "no connection is cut", func() bool { return in.Live().TCPCut[CutMemory] >= 50 })
	eventually(t, "the lines take too much", func() bool { return in.streams.room.tails.Load() <= maxTails })
	send(t, good, "good:1|c\n")
	_ = good.Close()
	in.stop()
	if got := in.totals()["counters.good"]; got != 1 {
		t.Errorf("the good sample counts %v", got)
	}
	if n := in.streams.room.tails.Load(); n != 0 {
		t.Errorf("%d bytes of tails are left in the end", n)
	}
}

// The limit for connections is never higher than the limit on open files allows.
func TestRoomIsWithinTheFilesAllowed(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxTCPConnections = 1 << 40
	in := start(t, cfg)
	if n := in.State().MaxConnections; n >= 1<<40 || n < 1 {
		t.Errorf("room for %d connections", n)
	}
	if !strings.Contains(in.out.String(), "--max-tcp-connections") {
		t.Errorf("the log says nothing of it:\n%s", in.out)
	}
}

// A reload may set a limit below the number of open connections. The next connection is still
// accepted, and the connections that were idle longest are closed.
func TestChangeAllowsFewerConnections(t *testing.T) {
	t.Parallel()
	in := start(t, config())
	for range 20 {
		send(t, in.dial("tcp"), "hits:1|c\n")
	}
	eventually(t, "not all connections are open", func() bool { return in.State().OpenConnections == 20 })
	fewer := config().Limits
	fewer.MaxTCPConnections = 10
	in.Change(fewer)
	send(t, in.dial("tcp"), "hits:1|c\n")
	eventually(t, "the new connection is not served", func() bool { return in.Live().Samples == 21 })
	eventually(t, "more are open than may be", func() bool { return in.State().OpenConnections <= 10 })
}

// A line is counted as bad if a reset or shutdown interrupts it.
func TestBrokenOffLinesAreCounted(t *testing.T) {
	t.Parallel()
	for _, reset := range []bool{true, false} {
		in := start(t, config())
		conn := in.dial("tcp").(*net.TCPConn)
		send(t, conn, "hits:1|c\ntail:1|c")
		eventually(t, "the line is not read", func() bool { return in.Live().Samples == 1 })
		if reset {
			if err := conn.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			eventually(t, "the reset is not seen", func() bool { return in.State().OpenConnections == 0 })
		}
		in.stop()
		in.check(Tally{
			TCPConnections: 1, TCPBytes: 17, Lines: 2, Samples: 2, Aggregated: 1,
			Discarded: [metric.Reasons]uint64{metric.Unfinished: 1},
		})
	}
}

// TestFewFiles checks the number of possible connections when few open files are allowed. It also
// checks the log message: it contains that number, or warns that publishing may fail.
func TestFewFiles(t *testing.T) {
	allowed := descriptors.Limit()
	for _, test := range []struct {
		reserved, possible int
		log                string
	}{
		{allowed - 100, 100, `"level":"info","asked":1073741824,"possible":100`},
		{allowed, 1, `"level":"warn","allowed":` + strconv.Itoa(allowed) + `,"needed":` + strconv.Itoa(allowed+1)},
		{allowed + 50, 1, `"level":"warn"`},
	} {
		var log bytes.Buffer
		limits := Limits{MaxTCPConnections: 1 << 30, Reserved: test.reserved}
		r := newRoom(nil, nil, &Config{Log: zerolog.New(&log), Limits: limits})
		if got := int(r.limit.Load()); got != test.possible {
			t.Errorf("%d of %d reserved: %d connections are possible, want %d", test.reserved, allowed, got, test.possible)
		}
		r.follow(&limits) // a second call, as at a reload, does not log the message again
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, test.log) {
			t.Errorf("the log says %q, want %q once", text, test.log)
		}
	}
}
