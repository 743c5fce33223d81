package stdout

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
)

var update = flag.Bool("update", false, "write the golden file")

const patience = wait.Patience

// newPipe returns a Sink that writes to a pipe, and the reading end of the pipe.
func newPipe(t *testing.T, cfg Config) (*Sink, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	s, err := newSink(cfg, w)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func TestGolden(t *testing.T) {
	s, r := newPipe(t, Config{Prefix: "acme.web1"})
	var payload []byte
	for _, p := range []metric.Point{
		{Path: []byte("stats.a"), Value: 3.2, Time: 1795251862},
		{Path: []byte("stats.timers.b.upper_99_9"), Value: 2.38e-05, Time: 1795251862},
		{Path: []byte("two words"), Value: 1, Time: 1795251862},
		{Path: []byte("stats.c;dc=eu"), Value: -1e21, Time: 1795251872},
	} {
		payload = s.AppendPoint(payload, p)
	}
	if err := s.Send(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	_ = s.out.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/points.txt"
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it writes\n%s\nwant\n%s\n%v", got, want, err)
	}
}

// lines returns a payload of n lines, and the lines as strings.
func lines(n int) (payload []byte, want []string) {
	for i := range n {
		want = append(want, fmt.Sprintf("stats.n%d %d 1795251862", i, i))
	}
	return []byte(strings.Join(want, "\n") + "\n"), want
}

// scan reads the next n lines.
func scan(t *testing.T, from *bufio.Scanner, n int) (got []string) {
	t.Helper()
	for range n {
		if !from.Scan() {
			t.Fatalf("only %d lines, error %v", len(got), from.Err())
		}
		got = append(got, from.Text())
	}
	return got
}

// sendPart sends a payload that does not fit into a pipe. Send must return an error after the timeout. On a busy machine,
// the timeout can be over before the first byte is written: then sendPart tries again.
func sendPart(t *testing.T, s *Sink, payload []byte) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		if err := s.Send(t.Context(), payload); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("error %v, want a timeout", err)
		}
		if s.written > 0 || s.torn {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing is written")
		}
	}
}

// TestFullPipe checks that Send to a full pipe returns an error after the timeout. When the pipe is read, the
// next Send of the same payload continues at the first unwritten byte.
func TestFullPipe(t *testing.T) {
	s, r := newPipe(t, Config{Timeout: 30 * time.Millisecond})
	payload, want := lines(10_000) // more bytes than fit into a pipe
	for range 2 {
		sendPart(t, s, payload)
	}
	if s.torn {
		t.Error("a write ended within a line")
	}
	s.cfg.Timeout = patience
	done := make(chan error, 1)
	go func() { done <- s.Send(t.Context(), payload) }()
	if got := scan(t, bufio.NewScanner(r), len(want)); !slices.Equal(got, want) {
		t.Error("the lines are not those that were sent")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSendEndsWithContext(t *testing.T) {
	s, _ := newPipe(t, Config{Timeout: time.Hour})
	payload, _ := lines(10_000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Send(ctx, payload) }()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	case <-time.After(patience):
		t.Fatal("Send continues although its context ended")
	}
}

// TestTornLine checks that a long line that was written only in part is ended before the first line of another
// payload.
func TestTornLine(t *testing.T) {
	s, r := newPipe(t, Config{Timeout: 10 * time.Millisecond})
	long := []byte(strings.Repeat("a", 1<<20) + " 1 1\n")
	if sendPart(t, s, long); !s.torn {
		t.Fatal("the line is not torn")
	}
	s.cfg.Timeout = patience
	payload, want := lines(3)
	done := make(chan error, 1)
	go func() {
		done <- s.Send(t.Context(), payload)
		_ = s.out.Close()
	}()
	from := bufio.NewScanner(r)
	from.Buffer(nil, 2<<20)
	if got := scan(t, from, 4); strings.Trim(got[0], "a") != "" || !slices.Equal(got[1:], want) {
		t.Errorf("behind %d bytes comes %q", len(got[0]), got[1:])
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestClosedPipe(t *testing.T) {
	s, r := newPipe(t, Config{})
	_ = r.Close()
	payload, _ := lines(3)
	for range 2 {
		if err := s.Send(t.Context(), payload); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("error %v, want a broken pipe", err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err) // /dev/full exists only on Linux
	}
	defer full.Close()
	s, err := newSink(Config{}, full)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := lines(3)
	if err := s.Send(t.Context(), payload); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want a full disk", err)
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{Prefix: "two words"}, "prefix: "},
		{Config{Timeout: -1}, "timeout: "},
	} {
		if _, err := New(tt.cfg); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: error %v", tt.cfg, err)
		}
	}
}

// BenchmarkSend measures the writing of payloads of 1 MiB to /dev/null.
func BenchmarkSend(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	s, err := newSink(Config{}, null)
	if err != nil {
		b.Fatal(err)
	}
	payload, _ := lines(1 << 20 / 30)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := s.Send(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
}
