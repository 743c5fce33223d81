package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// isCut reports whether the daemon closes conn within d.
func isCut(t *testing.T, conn net.Conn, d time.Duration) bool {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(d))
	_, err := conn.Read(make([]byte, 1))
	if err == nil {
		t.Error("the daemon says something")
	}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// sendSlowly sends text over and over, with a pause before each, until conn is
// cut or enough times.
func sendSlowly(conn net.Conn, text string, pause time.Duration, times int) (sent int) {
	for ; sent < times; sent++ {
		time.Sleep(pause)
		if _, err := io.WriteString(conn, text); err != nil {
			break
		}
	}
	return sent
}

// A connection is cut when it has ended no line for too long. One that ends a line now
// and then is not cut.
func TestIdleStreamsAreCut(t *testing.T) {
	t.Parallel()
	wait.Longer(t, 500*time.Millisecond, func(timeout time.Duration) error { return idleStreamsAreCut(t, timeout) })
}

func idleStreamsAreCut(t *testing.T, timeout time.Duration) error {
	cfg := config()
	cfg.TCPIdleTimeout = timeout
	d := start(t, cfg)
	defer d.stop()
	silent, once, often := d.dial("tcp"), d.dial("tcp"), d.dial("tcp")
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
	d.stop()
	check(t, d.Server, "tcp.cut.idle 2", "tcp.cut.unfinished 0", "tcp.cut.full 0", "tcp.cut.memory 0", "samples.aggregated 21", "tcp.open 0")
	return nil
}

func TestIdleStreamsCanStay(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.TCPIdleTimeout, cfg.TCPLineTimeout = 0, 50*time.Millisecond
	d := start(t, cfg)
	conn := d.dial("tcp")
	if isCut(t, conn, 300*time.Millisecond) {
		t.Error("cut without a timeout")
	}
	send(t, conn, "a:1|c\n")
	_ = conn.Close()
	d.stop()
	check(t, d.Server, "tcp.cut.idle 0", "tcp.cut.unfinished 0", "samples.aggregated 1")
}

// A line has to end in time, at any rate of bytes. An idle connection may wait.
func TestUnfinishedLinesAreCut(t *testing.T) {
	t.Parallel()
	wait.Longer(t, 400*time.Millisecond, func(timeout time.Duration) error { return unfinishedLinesAreCut(t, timeout) })
}

func unfinishedLinesAreCut(t *testing.T, timeout time.Duration) error {
	cfg := config()
	cfg.TCPLineTimeout = timeout
	d := start(t, cfg)
	defer d.stop()
	pause := timeout / 8
	idle, slow, endless, long, good := d.dial("tcp"), d.dial("tcp"), d.dial("tcp"), d.dial("tcp"), d.dial("tcp")
	send(t, slow, "before:1|c\nslow:")
	go sendSlowly(slow, "1", pause, 1_000)
	go sendSlowly(endless, strings.Repeat("x", 100_000), 10*time.Millisecond, 1_000)
	longSent := make(chan int, 1)
	go func() { // lines that are too long, but end
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
	if n := d.cutFor(cutUnfinished); n != 2 {
		return fmt.Errorf("%d connections were cut, want 2", n)
	}
	d.stop()
	check(t, d.Server, "tcp.cut.unfinished 2", "tcp.cut.idle 0", "metrics.discarded.too_long 11", "metrics.discarded.unfinished 1", "metrics.discarded 12", "samples.aggregated 43")
	if d.totals()["counters.slow"] != 0 {
		t.Error("a part of a line counted")
	}
	return nil
}

// When there are too many connections, the one that makes room is within a
// line, if any is, and the one that has been so for longest.
func TestRoomForStreams(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxTCPConnections = 3
	d := start(t, cfg)
	read := 0
	tell := func(conn net.Conn, text string) {
		t.Helper()
		send(t, conn, text)
		read += len(text)
		eventually(t, text+" is not read", func() bool { return d.streamBytes() == read })
	}
	join := func() net.Conn {
		t.Helper()
		conn := d.dial("tcp")
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
			t.Errorf("newcomer %d: another one than expected made room", i)
		}
		if n := d.streams.open.Load(); n > 3 {
			t.Errorf("%d connections are open", n)
		}
	}
	d.stop()
	check(t, d.Server, "tcp.cut.full 3", "tcp.connections 6", "samples.aggregated 9")
}

// streamBytes is how much was read from streams since the last flush.
func (d *daemon) streamBytes() int {
	n := uint64(0)
	for _, l := range d.lanes {
		l.shard.Lock()
		n += l.tally.tcpBytes
		l.shard.Unlock()
	}
	return int(n)
}

// What the one that makes room has sent already is not lost.
func TestRoomCostsNoLine(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxTCPConnections = 1
	d := start(t, cfg)
	const n = 200
	for range n {
		send(t, d.dial("tcp"), "a:1|c\n")
	}
	last := d.dial("tcp")
	eventually(t, "the last one is not served", func() bool { return d.streams.open.Load() == 1 && figureOf(t, d.Server, "pending_stats") == n })
	_ = last.Close()
	d.stop()
	check(t, d.Server, fmt.Sprint("samples.aggregated ", n), fmt.Sprint("tcp.connections ", n+1))
}

// Lines that do not end take no more memory together than they may.
func TestUnfinishedLinesTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	d := start(t, config())
	good := d.dial("tcp")
	begun := bytes.Repeat([]byte{'x'}, maxLine-10)
	for range mostTails/len(begun) + 100 {
		conn := d.dial("tcp")
		_, _ = conn.Write(begun) // it may be cut already
	}
	eventually(t, "no connection is cut", func() bool { return d.cutFor(cutMemory) >= 50 })
	eventually(t, "the lines take too much", func() bool { return d.streams.tails.Load() <= mostTails })
	send(t, good, "good:1|c\n")
	_ = good.Close()
	d.stop()
	if got := d.totals()["counters.good"]; got != 1 {
		t.Errorf("the good sample counts %v", got)
	}
	if n := d.streams.tails.Load(); n != 0 {
		t.Errorf("%d bytes of tails are left in the end", n)
	}
}

func (d *daemon) cutFor(why cutReason) (n uint64) {
	for _, l := range d.lanes {
		l.shard.Lock()
		n += l.tally.tcpCut[why]
		l.shard.Unlock()
	}
	return n
}

// The daemon never counts on more files than it may open.
func TestRoomIsWithinTheFilesAllowed(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxTCPConnections = 1 << 40
	d := start(t, cfg)
	if most := d.streams.limits.Load().most; most >= 1<<40 || most < 1 {
		t.Errorf("room for %d connections", most)
	}
	if !strings.Contains(d.out.String(), "--max-tcp-connections") {
		t.Errorf("the log says nothing of it:\n%s", d.out)
	}
}

// After a reload that allows fewer connections than are open, a new one gets
// in, and those that rest longest make room.
func TestReloadAllowsFewerConnections(t *testing.T) {
	t.Parallel()
	d := start(t, config())
	for range 20 {
		send(t, d.dial("tcp"), "hits:1|c\n")
	}
	eventually(t, "not all connections are open", func() bool { return d.streams.open.Load() == 20 })
	fewer := d.cfg
	fewer.MaxTCPConnections = 10
	if _, err := d.Reload(fewer); err != nil {
		t.Fatal(err)
	}
	send(t, d.dial("tcp"), "hits:1|c\n")
	eventually(t, "the new connection is not served", func() bool { return figureOf(t, d.Server, "pending_stats") == 21 })
	eventually(t, "more are open than may be", func() bool { return d.streams.open.Load() <= 10 })
}

// A line that a reset, or the daemon's end, breaks off is counted.
func TestBrokenOffLinesAreCounted(t *testing.T) {
	t.Parallel()
	for _, reset := range []bool{true, false} {
		d := start(t, config())
		conn := d.dial("tcp").(*net.TCPConn)
		send(t, conn, "hits:1|c\ntail:1|c")
		eventually(t, "the line is not read", func() bool { return figureOf(t, d.Server, "pending_stats") == 1 })
		if reset {
			if err := conn.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			eventually(t, "the reset is not seen", func() bool { return d.streams.open.Load() == 0 })
		}
		d.stop()
		check(t, d.Server, "samples.aggregated 1", "metrics.discarded.unfinished 1", "samples.received 2", "lines.received 2")
	}
}
