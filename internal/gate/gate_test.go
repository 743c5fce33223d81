package gate

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// serve serves HTTP through a Gate until the test ends.
func serve(t *testing.T, handler http.HandlerFunc) *Gate {
	t.Helper()
	g, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	g.Watch(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(g) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		g.Wait()
	})
	return g
}

// TestCut closes connections in all phases: before a request, during a request, and during an answer.
func TestCut(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	asked := make(chan struct{})
	g := serve(t, func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-hold
	})
	t.Cleanup(func() { close(hold) })
	var clients []net.Conn
	for _, text := range []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		conn, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, conn)
	}
	<-asked
	wait.Until(t, "the connections are not accepted", func() bool { return g.Open() == len(clients) })
	g.Cut()
	if n := g.Open(); n != 0 {
		t.Errorf("%d connections are still open", n)
	}
	for i, conn := range clients {
		_ = conn.SetReadDeadline(time.Now().Add(wait.Patience))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d is not closed: %d bytes, %v", i, n, err)
		}
	}
}

// askAndClose sends n requests for a path, each on its own connection. It closes each connection
// without waiting for the answer.
func askAndClose(t *testing.T, g *Gate, n int, path string) {
	t.Helper()
	for range n {
		conn, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// ask sends a request, and fails the test if there is no answer.
func ask(t *testing.T, g *Gate) {
	t.Helper()
	client := http.Client{Timeout: wait.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	asked := time.Now()
	answer, err := client.Get("http://" + g.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("answered after %v", time.Since(asked))
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
}

// TestClosed checks that a client is not delayed by closed connections with slow handlers. If each
// closed connection kept its slot for AnswerPatience, the test would take 20 s.
func TestClosed(t *testing.T) {
	t.Parallel()
	g := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			<-Gone(r.Context())
		}
	})
	askAndClose(t, g, 21*MaxConns, "/long")
	ask(t, g)
}

// TestClosedWork checks that at most MaxConns handlers run at the same time. A closed connection
// gives its slot to another client at once, but its handler still counts while it runs.
func TestClosedWork(t *testing.T) {
	t.Parallel()
	var working, peak atomic.Int64
	release := make(chan struct{})
	g := serve(t, func(http.ResponseWriter, *http.Request) {
		if n := working.Add(1); n > peak.Load() {
			peak.Store(n)
		}
		<-release
		working.Add(-1)
	})
	askAndClose(t, g, 4*MaxConns, "/")
	for end := time.Now().Add(wait.Patience); working.Load() < MaxConns; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d handlers work, want %d", working.Load(), MaxConns)
		}
	}
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	ask(t, g)
	if n := peak.Load(); n > MaxConns {
		t.Errorf("%d handlers worked at a time, want at most %d", n, MaxConns)
	}
}

// TestHalfClosed checks a client that has shut down its sending half. While the Gate has free
// slots, this client must still get its answer.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	g := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		<-released
		_, _ = io.WriteString(w, "here you are")
	})
	conn, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
	if err := errors.Join(err, conn.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(wait.Patience); !g.anyEnded(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the end of the request is not noticed")
		}
	}
	for range MaxConns - 1 {
		other, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
	}
	close(released)
	if got, err := io.ReadAll(conn); err != nil || len(got) < 12 || string(got[len(got)-12:]) != "here you are" {
		t.Errorf("%q, %v", got, err)
	}
}

func (g *Gate) anyEnded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.guests {
		if c.ended {
			return true
		}
	}
	return false
}
