package graphite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

func TestMain(m *testing.M) {
	wait.Beside()
	m.Run()
}

// patience is the maximum time to wait for an event that normally happens immediately.
const patience = wait.Patience

// lines returns a payload of n lines, and the lines as strings.
func lines(n int) (payload []byte, want []string) {
	for i := range n {
		want = append(want, fmt.Sprintf("stats.n%d %d 1795251862", i, i))
	}
	return []byte(strings.Join(want, "\n") + "\n"), want
}

func newSink(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// bothModes runs f in two modes: with one connection per send, and with KeepOpen.
func bothModes(t *testing.T, f func(t *testing.T, keepOpen bool)) {
	t.Run("connection-a-send", func(t *testing.T) { f(t, false) })
	t.Run("keep-open", func(t *testing.T) { f(t, true) })
}

func mustSend(t *testing.T, s *Sink, payload []byte) {
	t.Helper()
	if err := s.Send(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
}

func TestSendDelivers(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		server := sinktest.NewServer(t)
		s := newSink(t, Config{Addr: server.Addr(), KeepOpen: keepOpen})
		payload, want := lines(20_000)
		for range 3 {
			mustSend(t, s, payload)
		}
		mustSend(t, s, nil)
		if keepOpen { // the kernel has confirmed the lines, but the server may not have read them yet
			server.Wait(3*len(want), patience)
		}
		if got := server.Lines(); !slices.Equal(got, slices.Concat(want, want, want)) {
			t.Errorf("%d lines arrived, want %d", len(got), 3*len(want))
		}
		connections := map[bool]int{false: 3, true: 1}[keepOpen]
		if got := server.Accepted(); got != connections {
			t.Errorf("%d connections, want %d", got, connections)
		}
	})
}

func TestSendTriesAllAddresses(t *testing.T) {
	server := sinktest.NewServer(t) // the server listens on 127.0.0.1 only, but localhost may resolve to ::1 first
	_, port, _ := net.SplitHostPort(server.Addr())
	payload, want := lines(3)
	mustSend(t, newSink(t, Config{Addr: "localhost:" + port}), payload)
	if got := server.Lines(); !slices.Equal(got, want) {
		t.Errorf("%q arrived, want %q", got, want)
	}
}

func TestSendRefusedThenBack(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		server := sinktest.NewServer(t)
		s := newSink(t, Config{Addr: server.Addr(), KeepOpen: keepOpen})
		payload, want := lines(3)
		mustSend(t, s, payload)
		server.Wait(len(want), patience)
		server.Stop()
		err := s.Send(t.Context(), payload)
		if !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, new(*net.OpError)) {
			t.Errorf("error %v, want a refused connection", err)
		}
		if !strings.Contains(err.Error(), server.Addr()) {
			t.Errorf("error %q does not name the address", err)
		}
		server.Start()
		mustSend(t, s, payload)
		if got := server.Wait(2*len(want), patience); !slices.Equal(got, slices.Concat(want, want)) {
			t.Errorf("%q arrived", got)
		}
	})
}

func TestSendUnknownHost(t *testing.T) {
	t.Parallel() // a name server can be slow
	s := newSink(t, Config{Addr: "no-such-host.invalid:2003", ConnectTimeout: time.Second})
	err := s.Send(t.Context(), []byte("a 1 1\n"))
	if !errors.As(err, new(*net.OpError)) {
		t.Errorf("error %v, want one of the network", err)
	}
}

// TestReceiverGivesUpAnywhere closes the receiver's side after each possible number of bytes. If Send returns
// nil, all lines must have arrived. If it returns an error, the payload must be sent again.
func TestReceiverGivesUpAnywhere(t *testing.T) {
	payload, want := lines(8)
	faults := map[string]func(n int) sinktest.Fault{
		"closes": func(n int) sinktest.Fault { return sinktest.Fault{CloseAfter: n} },
		"resets": func(n int) sinktest.Fault { return sinktest.Fault{ResetAfter: n} },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			server := sinktest.NewServer(t)
			for n := 1; n <= len(payload)+1; n++ {
				server.Set(fault(n))
				s := newSink(t, Config{Addr: server.Addr()})
				before := len(server.Lines())
				err := s.Send(t.Context(), payload)
				if got := server.Lines()[before:]; err == nil && !slices.Equal(got, want) {
					t.Fatalf("after %d bytes: Send succeeded, but only %q arrived", n, got)
				}
				if err != nil && !errors.As(err, new(net.Error)) {
					t.Fatalf("after %d bytes: %v is no net.Error", n, err)
				}
				if err == nil && n < len(payload) || err != nil && n > len(payload) {
					t.Fatalf("after %d of %d bytes: error %v", n, len(payload), err)
				}
				server.Set(sinktest.Fault{})
				before = len(server.Lines())
				mustSend(t, s, payload)
				if got := server.Lines()[before:]; !slices.Equal(got, want) {
					t.Fatalf("after %d bytes: sent again, but %q arrived", n, got)
				}
			}
		})
	}
}

// TestResetAfterEverything checks that a reset results in the error Unconfirmed only if every byte was
// acknowledged before the reset.
func TestResetAfterEverything(t *testing.T) {
	t.Parallel()
	payload, _ := lines(8)
	server := sinktest.NewServer(t)
	server.Set(sinktest.Fault{ResetAfter: len(payload)})
	// On a busy machine, the reset may come too early: before the sending half is closed.
	wait.Until(t, "no send ends unconfirmed", func() bool {
		s := newSink(t, Config{Addr: server.Addr()})
		err := s.Send(t.Context(), payload)
		if !errors.As(err, new(net.Error)) {
			t.Errorf("error %v, want one of the network", err)
		}
		_, unconfirmed := errors.AsType[*sink.Unconfirmed](err)
		return unconfirmed
	})
	server.Set(sinktest.Fault{ResetAfter: 100_000})
	s := newSink(t, Config{Addr: server.Addr()})
	payload, _ = lines(400_000)
	err := s.Send(t.Context(), payload)
	if _, unconfirmed := errors.AsType[*sink.Unconfirmed](err); err == nil || unconfirmed {
		t.Errorf("reset in the middle: error %v, want one that is not unconfirmed", err)
	}
}

// TestReceiverClosesEarly uses a payload larger than all buffers. A receiver that closes the connection in the
// middle of it must not count as having read the whole payload.
func TestReceiverClosesEarly(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		server := sinktest.NewServer(t)
		server.Set(sinktest.Fault{CloseAfter: 100_000})
		s := newSink(t, Config{Addr: server.Addr(), KeepOpen: keepOpen})
		payload, _ := lines(40_000)
		err := s.Send(t.Context(), payload)
		if !errors.As(err, new(net.Error)) {
			t.Errorf("error %v, want one of the network", err)
		}
	})
}

func TestSlowReceiverGetsNothingTwice(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		server := sinktest.NewServer(t)
		server.Set(sinktest.Fault{BytesPerSecond: 4 << 20})
		s := newSink(t, Config{Addr: server.Addr(), Timeout: 20 * time.Millisecond, KeepOpen: keepOpen})
		payload, want := lines(40_000)
		timeouts := 0
		for start := time.Now(); ; timeouts++ {
			err := s.Send(t.Context(), payload)
			if err == nil {
				break
			}
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Fatal(err)
			}
			if time.Since(start) > patience {
				t.Fatalf("still %v", err)
			}
		}
		if timeouts == 0 {
			t.Error("the receiver was not slow: no Send ran out of time")
		}
		if got := server.Wait(len(want), patience); !slices.Equal(got, want) {
			t.Errorf("%d lines arrived, want %d", len(got), len(want))
		}
		if got := server.Accepted(); got != 1 {
			t.Errorf("%d connections, want 1", got)
		}
	})
}

func TestReceiverNeverReads(t *testing.T) {
	server := sinktest.NewServer(t)
	server.Set(sinktest.Fault{Never: true})
	s := newSink(t, Config{Addr: server.Addr(), Timeout: 10 * time.Millisecond, GiveUp: time.Hour})
	payload, want := lines(3)
	for range 3 {
		var timeout net.Error
		if err := s.Send(t.Context(), payload); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("error %v, want a timeout", err)
		}
	}
	accepted := func(want int, what string) {
		t.Helper()
		wait.Until(t, "the connection is not accepted", func() bool { return server.Accepted() >= want })
		if got := server.Accepted(); got != want {
			t.Errorf("%d connections for %s, want %d", got, what, want)
		}
	}
	accepted(1, "one payload")
	other, otherWant := lines(2) // a different payload, because the caller may have dropped the first one
	if err := s.Send(t.Context(), other); err == nil {
		t.Error("another payload was confirmed")
	}
	accepted(2, "two payloads")
	server.Set(sinktest.Fault{})
	server.Cut() // as if the receiver was killed
	s.cfg.Timeout = patience
	if err := s.Send(t.Context(), other); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want a reset", err)
	}
	mustSend(t, s, other)
	mustSend(t, s, payload)
	if got := server.Lines(); !slices.Equal(got, slices.Concat(otherWant, want)) {
		t.Errorf("%q arrived", got)
	}
}

func TestGiveUp(t *testing.T) {
	server := sinktest.NewServer(t)
	server.Set(sinktest.Fault{Never: true})
	s := newSink(t, Config{Addr: server.Addr(), Timeout: 5 * time.Millisecond, GiveUp: 50 * time.Millisecond})
	payload, want := lines(3)
	for end := time.Now().Add(patience); ; {
		err := s.Send(t.Context(), payload)
		if err != nil && strings.Contains(err.Error(), "given up after 50ms") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not given up, but %v", err)
		}
	}
	server.Set(sinktest.Fault{})
	s.cfg.Timeout = patience
	mustSend(t, s, payload)
	if got := server.Lines(); !slices.Equal(got, want) {
		t.Errorf("%q arrived on the second connection", got)
	}
}

func TestSendEndsWithContext(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		server := sinktest.NewServer(t)
		server.Set(sinktest.Fault{Never: true})
		s := newSink(t, Config{Addr: server.Addr(), KeepOpen: keepOpen, Timeout: time.Hour})
		payload, _ := lines(400_000) // a payload larger than all buffers
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Send(ctx, payload) }()
		for end := time.Now().Add(patience); server.Accepted() == 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want context.Canceled", err)
			}
		case <-time.After(patience):
			t.Fatal("Send continues although its context ended")
		}
		if err := s.Send(ctx, payload); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
}

func TestKeptConnectionClosedByReceiver(t *testing.T) {
	server := sinktest.NewServer(t)
	payload, want := lines(3)
	server.Set(sinktest.Fault{CloseAfter: len(payload)}) // the receiver closes each connection after one payload
	s := newSink(t, Config{Addr: server.Addr(), KeepOpen: true})
	for i := range 3 {
		mustSend(t, s, payload)
		server.Wait((i+1)*len(want), patience)
		// Wait until the receiver has closed the connection after the last line. If it closed the connection during a
		// Send, Send would return an error without any loss.
		waitClosed(t, s)
	}
	if got := server.Lines(); !slices.Equal(got, slices.Concat(want, want, want)) {
		t.Errorf("%q arrived", got)
	}
	if got := server.Accepted(); got != 3 {
		t.Errorf("%d connections, want 3", got)
	}
}

func waitClosed(t *testing.T, s *Sink) {
	t.Helper()
	for end := time.Now().Add(patience); s.idle != nil && probe(s.idle) == nil; {
		if time.Now().After(end) {
			t.Fatal("the receiver does not close")
		}
	}
}

// TestWaitsNeedsNoDeadline checks that a closed connection and waiting data are found even if the deadline of the
// connection has passed. On a busy machine, the deadline of a probe can pass before the probe reads.
func TestWaitsNeedsNoDeadline(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	receiver, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	conn := dialed.(*net.TCPConn)
	if err := conn.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if waiting, err := waits(conn); waiting || err != nil {
		t.Errorf("an idle connection: %v, %v", waiting, err)
	}
	if _, err := receiver.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the data does not wait", func() bool {
		waiting, err := waits(conn)
		return waiting && err == nil
	})
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if err := receiver.Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the end is not found", func() bool {
		waiting, err := waits(conn)
		return !waiting && errors.Is(err, io.EOF)
	})
}

func TestReceiverAnswers(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		server := sinktest.NewServer(t)
		server.Set(sinktest.Fault{Answer: "HTTP/1.1 400 Bad Request\r\n\r\n"})
		s := newSink(t, Config{Addr: server.Addr(), KeepOpen: keepOpen})
		payload, want := lines(3)
		err := s.Send(t.Context(), payload)
		if keepOpen && err == nil { // the kernel acknowledged the bytes before the answer arrived, so only the next Send fails
			server.Wait(len(want), patience)
			err = s.Send(t.Context(), payload)
		}
		if err == nil || !strings.Contains(err.Error(), "HTTP/1.1 400") {
			t.Errorf("error %v, want the answer quoted", err)
		}
	})
}

func TestCloseThenSend(t *testing.T) {
	bothModes(t, func(t *testing.T, keepOpen bool) {
		server := sinktest.NewServer(t)
		s := newSink(t, Config{Addr: server.Addr(), KeepOpen: keepOpen})
		payload, want := lines(3)
		for range 2 {
			mustSend(t, s, payload)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := server.Wait(2*len(want), patience); !slices.Equal(got, slices.Concat(want, want)) {
			t.Errorf("%q arrived", got)
		}
		if got := server.Accepted(); got != 2 {
			t.Errorf("%d connections, want 2", got)
		}
	})
}
