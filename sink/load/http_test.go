package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink"
)

func TestRequests(t *testing.T) {
	inVirtualTime(t, testConfig(), func(c *clocked) {
		c.flush(time.Minute, counter("a", 1))
		for _, tt := range []struct {
			method, path string
			code         int
		}{
			{"GET", "/1", 200}, {"GET", "/60", 200}, {"GET", "/60/full", 200}, {"GET", "/5?name=a*&other=1", 200}, {"HEAD", "/1", 200},
			{"GET", "/", 404}, {"GET", "/0", 404}, {"GET", "/61", 404}, {"GET", "/61/full", 404}, {"GET", "/01", 404},
			{"GET", "/-1", 404}, {"GET", "/1/", 404}, {"GET", "/1/full/", 404}, {"GET", "/full", 404}, {"GET", "//full", 404},
			{"GET", "/18446744073709551617", 404}, {"GET", "/1.5", 404}, {"GET", "/load", 404}, {"HEAD", "/x", 404},
			{"GET", "/1?name=[", 400}, {"GET", "/1?name=a;b", 400}, {"GET", "/1?name=%zz", 400},
			{"GET", "/1?" + strings.Repeat("name=a&", 101), 400}, {"GET", "/1?name=*" + strings.Repeat("a", 512), 400},
			{"POST", "/1", 405}, {"DELETE", "/1", 405}, {"OPTIONS", "/1", 405}, {"PUT", "/x", 405},
		} {
			a := get(t, c.handler(), tt.method, tt.path)
			if a.code != tt.code {
				t.Errorf("%s %.20s gets %d, want %d", tt.method, tt.path, a.code, tt.code)
			}
			if kind := a.head.Get("Content-Type"); (kind == "application/json") != (tt.code == 200) {
				t.Errorf("%s %.20s: %s", tt.method, tt.path, kind)
			}
			if tt.code == 405 && a.head.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: %v", tt.method, a.head)
			}
			if tt.method == "HEAD" && tt.code == 200 && a.text != "" {
				t.Errorf("HEAD gets %q", a.text)
			}
		}
	})
}

// TestGolden compares the exact bytes of a response.
func TestGolden(t *testing.T) {
	inVirtualTime(t, testConfig(), func(c *clocked) {
		if got := get(t, c.handler(), "GET", "/1").text; got != "{\"last_frame_time\": 946684800, \"Stat\": {}}\n" {
			t.Errorf("at the start: %q", got)
		}
		c.flush(time.Minute, counter("web.hits", 120.5), counter("web.errors", 0), timer("web.time", 1, 2, 3, 4), gauge("queue", -2.5e-5), set("users", 1, 2, 3))
		want, err := os.ReadFile("testdata/window.json")
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, c.handler(), "GET", "/1/full").text; got != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// serve runs a sink on a free port until the test ends.
func serve(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s := newSink(t, cfg)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func fetch(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := http.Client{Timeout: wait.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestAddress checks that the sink listens only on the configured address, and that requests to other hosts are
// refused.
func TestAddress(t *testing.T) {
	s := serve(t, testConfig())
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if code, body := fetch(t, "http://127.0.0.1:"+port+"/1"); code != 200 || !strings.Contains(body, `"Stat": {}`) {
		t.Errorf("%d %s", code, body)
	}
	if conn, err := net.Dial("tcp", "127.0.0.2:"+port); err == nil {
		_ = conn.Close()
		t.Error("another address than the sink's is listened at")
	}
	r, err := http.NewRequest("GET", "http://127.0.0.1:"+port+"/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusForbidden {
		t.Errorf("another host gets %s", a.Status)
	}
	if err := newSink(t, Config{Addr: "127.0.0.1:" + port, Minutes: 1, MaxBytes: 1 << 20}).Open(); err == nil || !strings.Contains(err.Error(), port) {
		t.Errorf("a taken port: %v", err)
	}
}

// TestSlowReaders checks that clients that do not read their responses delay neither other clients nor the
// history.
func TestSlowReaders(t *testing.T) {
	s := serve(t, testConfig())
	for i := range 50_000 {
		s.Record(timer(fmt.Sprintf("some.timer.with.a.long.name.%d", i), 1, 2, 3))
	}
	// This interval ends at the end of the last complete minute.
	s.EndInterval(sink.Interval{End: time.Now().Truncate(time.Minute), Percentiles: []float64{90}})
	for end := time.Now().Add(wait.Patience); s.State().Delivered == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is kept")
		}
	}
	url := "http://" + s.Addr().String() + "/30" // on a busy machine, some minutes may have passed
	for range 8 {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		fmt.Fprintf(conn, "GET /30 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := bufio.NewReader(conn).ReadByte(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if code, body := fetch(t, url); code != 200 || len(body) < 10<<20 || !strings.HasSuffix(body, "}}\n") {
			t.Fatalf("%d, %d bytes", code, len(body))
		}
	}
	s.Record(counter("more", 1))
	s.EndInterval(sink.Interval{End: time.Now().Truncate(time.Minute)})
	for end := time.Now().Add(wait.Patience); s.State().Delivered != 50_001; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the history is held up")
		}
	}
}

// TestGoneClients checks that a request ends immediately when its client closes the connection. A client that has
// closed only its sending half still gets its response.
func TestGoneClients(t *testing.T) {
	soak.Slow(t)
	s := serve(t, testConfig())
	s.turn <- struct{}{} // simulates a request that takes long to compute its window
	done := sync.OnceFunc(func() { <-s.turn })
	t.Cleanup(done)
	request := "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var conns []net.Conn
	ask := func(text string) net.Conn {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	before := runtime.NumGoroutine()
	for range 3 * gate.MaxConns { // more connections than slots; some stay in the kernel's backlog
		// With two requests on a connection, net/http does not detect that the client has closed the connection.
		conns = append(conns, ask(request+request))
	}
	// All connection slots are in use. A new client gets the slot of a client that has waited too long.
	wait.Until(t, "the Gate does not close connections to free their slots for new clients", func() bool {
		conns = slices.DeleteFunc(conns, func(conn net.Conn) bool { return isClosed(t, conn) })
		return len(conns) <= gate.MaxConns
	})
	for end := time.Now().Add(wait.Patience); runtime.NumGoroutine() > before+2*gate.MaxConns+10; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	done()
	last := ask(request)
	if err := last.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(last); err != nil || !strings.HasSuffix(string(b), "\"Stat\": {}}\n") {
		t.Errorf("%q, %v", b, err)
	}
}

// isClosed reports whether the server has closed conn. It waits briefly for the server to close it.
func isClosed(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 1))
	if n > 0 {
		t.Fatal("a client is answered before its turn")
	}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestConfig(t *testing.T) {
	good := testConfig()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Config){
		"host: ":      func(c *Config) { c.Addr = "localhost" },
		"port: ":      func(c *Config) { c.Addr = "localhost:70000" },
		"keep: ":      func(c *Config) { c.Minutes = 0 },
		"max-bytes: ": func(c *Config) { c.MaxBytes = 1000 },
		"prefix: ":    func(c *Config) { c.Prefix = "a b" },
	} {
		c := testConfig()
		change(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want an error about %q, got %v", want, err)
		}
	}
}
