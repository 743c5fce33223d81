package sinktest

import (
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

const patience = wait.Patience

// talk sends text on a new connection, and returns the answer.
func talk(t *testing.T, s *Server, text string) (string, error) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr(), patience)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	_ = conn.(*net.TCPConn).CloseWrite() // if this fails, the connection was reset, and the following read fails too
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestServer(t *testing.T) {
	const text = "one\ntwo\nthree" // the last line is incomplete
	for _, tt := range []struct {
		name   string
		fault  Fault
		lines  []string
		answer string
		err    error
	}{
		{"sound", Fault{}, []string{"one", "two"}, "", nil},
		{"close", Fault{CloseAfter: len(text)}, []string{"one", "two"}, "", nil},
		{"close with bytes unread", Fault{CloseAfter: 5}, []string{"one"}, "", syscall.ECONNRESET},
		{"reset", Fault{ResetAfter: len(text)}, []string{"one", "two"}, "", syscall.ECONNRESET},
		{"slow", Fault{BytesPerSecond: 100}, []string{"one", "two"}, "", nil},
		{"answer", Fault{Answer: "no"}, []string{"one", "two"}, "no", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := NewServer(t)
			s.Set(tt.fault)
			start := time.Now()
			answer, err := talk(t, s, text)
			if answer != tt.answer || !errors.Is(err, tt.err) {
				t.Errorf("answer %q and error %v, want %q and %v", answer, err, tt.answer, tt.err)
			}
			if got := s.Wait(len(tt.lines), patience); !slices.Equal(got, tt.lines) {
				t.Errorf("lines %q, want %q", got, tt.lines)
			}
			if rate := tt.fault.BytesPerSecond; rate > 0 && time.Since(start) < time.Duration(len(text))*time.Second/time.Duration(rate) {
				t.Errorf("took %v: too fast for %d bytes a second", time.Since(start), rate)
			}
		})
	}
}

func TestServerNeverReadsThenStopsAndStarts(t *testing.T) {
	s := NewServer(t)
	s.Set(Fault{Never: true})
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "one\n"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); s.Accepted() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	s.Stop()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want a reset", err)
	}
	if _, err := talk(t, s, "two\n"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v, want a refused connection", err)
	}
	s.Set(Fault{})
	s.Start()
	if _, err := talk(t, s, "three\n"); err != nil {
		t.Error(err)
	}
	if got := s.Lines(); !slices.Equal(got, []string{"three"}) {
		t.Errorf("lines %q, want only \"three\"", got)
	}
}

func TestServerPoints(t *testing.T) {
	s := NewServer(t)
	const text = "a 1 10\nb 2.5 10\n"
	s.SetEach(func(connection int) Fault {
		return Fault{ResetAfter: []int{len(text), 0, 0}[connection]}
	})
	for _, text := range []string{text, text, "a -3 20\n"} {
		_, _ = talk(t, s, text) // the first connection is reset
	}
	want := []Point{{"a", 1, 10}, {"b", 2.5, 10}, {"a", -3, 20}}
	if got := s.WaitOf("a", 2, patience); !slices.Equal(got, []Point{want[0], want[2]}) {
		t.Errorf("points of a: %v", got)
	}
	if got := s.Points(); !slices.Equal(got, want) {
		t.Errorf("points %v, want %v", got, want)
	}
}
