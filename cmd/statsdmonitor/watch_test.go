package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// stopAfter cancels a context when the given number of answers was written.
type stopAfter struct {
	bytes.Buffer
	left   int
	cancel context.CancelFunc
}

func (s *stopAfter) Write(p []byte) (int, error) {
	if s.left--; s.left == 0 {
		s.cancel()
	}
	return s.Buffer.Write(p)
}

// watched runs a command until it has printed n answers.
func watched(t *testing.T, n int, args ...string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &stopAfter{left: n, cancel: cancel}
	var errs bytes.Buffer
	if code := run(ctx, args, out, &errs); code != exitOK {
		t.Errorf("%s exits %d: %s", args, code, &errs)
	}
	return out.String(), errs.String()
}

// TestWatch checks that answers in a pipe are separated by a blank line. In JSON, each answer is a line, without
// a separator.
func TestWatch(t *testing.T) {
	utc(t)
	f := startFake(t)
	t.Setenv("COLUMNS", "")
	want := golden(t, "sinks", "80")
	if stdout, _ := watched(t, 3, "sinks", "--watch=0.1", f.at()); stdout != want+"\n"+want+"\n"+want {
		t.Errorf("prints\n%s", stdout)
	}
	stdout, _ := watched(t, 2, "sinks", "--watch=100ms", "--json", f.at())
	if lines := strings.Split(stdout, "\n"); len(lines) != 3 || lines[0] != lines[1] || !strings.HasPrefix(lines[0], `{"api":1,`) {
		t.Errorf("prints\n%s", stdout)
	}
}

// TestWatchRestart checks that a command with --watch waits for a daemon that is restarted. The command exits if its
// first request fails. If a later request fails, it tries again.
func TestWatchRestart(t *testing.T) {
	f := startFake(t)
	var calls atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := calls.Add(1); n == 2 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		f.Config.Handler.ServeHTTP(w, r)
	}))
	defer front.Close()
	stdout, stderr := watched(t, 2, "sinks", "--watch=0.1", "--at="+front.Listener.Addr().String())
	if n := strings.Count(stdout, "as of"); n != 2 || !strings.Contains(stderr, "HTTP status 503: starting\n") {
		t.Errorf("prints %d answers, and says %q", n, stderr)
	}
	invoke(t, exitFailed, "sinks", "--watch", "--at=127.0.0.1:1")
}

// TestWatchUnread checks that a command with --watch stops when the reader of its output closes the pipe.
func TestWatchUnread(t *testing.T) {
	f := startFake(t)
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"sinks", "--watch=0.1", f.at()}, failingWriter{}, &errs); code != exitFailed {
		t.Errorf("exits %d", code)
	}
}
