package meta

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
)

// dial opens a connection and sends a text.
func dial(t testing.TB, addr, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	// Write may fail, because the connection may be closed already. The next read fails then too.
	_, _ = io.WriteString(conn, text)
	return conn
}

// istats calls the method istats over a new connection.
func istats(addr string) error {
	client := http.Client{Timeout: wait.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	w, err := client.Post("http://"+addr+"/RPC2", "text/xml", strings.NewReader("<methodCall><methodName>istats</methodName></methodCall>"))
	if err != nil {
		return err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err == nil && !strings.Contains(string(body), "start_time") {
		err = fmt.Errorf("got %s", body)
	}
	return err
}

// TestAttack checks that a client gets answers during an attack: a thousand other clients send
// unfinished requests, and reconnect when their connections are closed. The attackers cost less
// than 4 MiB.
func TestAttack(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	addr := start(t, exampleSource(), exampleValues(100))
	if err := istats(addr); err != nil {
		t.Fatal(err)
	}
	before := heap()
	startAttackers(t, addr)
	var slowest time.Duration
	var peak int64
	for range 4 {
		asked, cut := time.Now(), 0
		// On a busy machine, this client can be too slow as well, and its connection is closed. It then
		// tries again, as users do.
		for err := istats(addr); err != nil; err = istats(addr) {
			if cut++; !errors.Is(err, syscall.ECONNRESET) || cut == 10 {
				t.Fatalf("cut %d times: %v", cut, err)
			}
		}
		slowest = max(slowest, time.Since(asked))
		peak = max(peak, heap()-before)
	}
	t.Logf("slowest answer %v, heap grew by %d KiB at peak", slowest, peak>>10)
	if peak > 4<<20 {
		t.Errorf("the heap grew by %d bytes", peak)
	}
}

// TestUnread checks that a client gets an answer at once, although the maximum number of other
// clients never read their answers.
func TestUnread(t *testing.T) {
	const call = "<methodCall><methodName>values</methodName></methodCall>"
	values := exampleValues(100_000)
	// On a busy machine, several attempts may be necessary.
	wait.Until(t, "clients that do not read their answers delay other clients by AnswerPatience", func() bool {
		addr := start(t, exampleSource(), values)
		asked := time.Now()
		for range gate.MaxConns {
			dial(t, addr, fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", len(call), call))
		}
		if err := istats(addr); err != nil {
			t.Fatal(err)
		}
		return time.Since(asked) < gate.AnswerPatience
	})
}

// attacks returns incomplete requests.
func attacks() []string {
	const header = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
	return []string{
		"",
		header,
		header + "Content-Length: 500\r\n\r\n<?xml",
		header + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("5\r\n     \r\n", 100),
	}
}

// startAttackers runs 1,000 attackers in another process until the test ends. It returns when each
// of them has connected once.
func startAttackers(t *testing.T, addr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "ATTACK_ADDR="+addr)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // ends the process
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
}

// TestMain runs the tests. In the process that startAttackers starts, it runs the attackers
// instead.
func TestMain(m *testing.M) {
	if addr := os.Getenv("ATTACK_ADDR"); addr != "" {
		runAttackers(addr)
		return
	}
	wait.Beside()
	os.Exit(m.Run())
}

// runAttackers runs the attackers until standard input ends.
func runAttackers(addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	var attackers, first sync.WaitGroup
	first.Add(1000)
	for i := range 1000 {
		text := attacks()[i%len(attacks())]
		attackers.Go(func() {
			attack(ctx, addr, text, first.Done)
			for ctx.Err() == nil {
				attack(ctx, addr, text, func() {})
			}
		})
	}
	first.Wait()
	fmt.Println("all attack")
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	attackers.Wait()
}

// attack keeps a connection open until the monitor closes it.
func attack(ctx context.Context, addr, text string, connected func()) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	connected()
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = io.WriteString(conn, text)
	_, _ = io.Copy(io.Discard, conn)
}

// heap returns the number of bytes in live objects.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// heldSource is a Source whose Health waits until release is closed.
type heldSource struct {
	*fixedSource
	asked, release chan struct{}
}

func (s heldSource) Health() Health {
	close(s.asked)
	<-s.release
	return Health{}
}

// TestGuests checks that there are never more than 32 connections. If a client waits for its
// answer, its connection is not closed for another client.
func TestGuests(t *testing.T) {
	source := heldSource{exampleSource(), make(chan struct{}), make(chan struct{})}
	m, err := NewMonitor(MonitorConfig{}, source, exampleValues(1))
	if err != nil {
		t.Fatal(err)
	}
	addr := run(t, m)
	release := sync.OnceFunc(func() { close(source.release) })
	t.Cleanup(release)
	held := dial(t, addr, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-source.asked
	var silent []net.Conn
	for range 5 * gate.MaxConns {
		silent = append(silent, dial(t, addr, "GET /"))
	}
	if err := istats(addr); err != nil {
		t.Error(err)
	}
	if cut := countCut(t, silent); cut < len(silent)-gate.MaxConns {
		t.Errorf("%d of %d silent connections were cut to make room", cut, len(silent))
	}
	if n := m.server.Open(); n > gate.MaxConns || n < gate.MaxConns-1 {
		t.Errorf("%d connections are open", n)
	}
	release()
	w, err := http.ReadResponse(bufio.NewReader(held), nil)
	if err != nil {
		t.Fatalf("the connection that waited for its answer: %v", err)
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		t.Errorf("the connection that waited for its answer got status %d", w.StatusCode)
	}
}

// countCut returns the number of connections that the other side closes.
func countCut(t *testing.T, conns []net.Conn) int {
	t.Helper()
	var cut atomic.Int64
	var reading sync.WaitGroup
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(httpgate.HeaderTimeout / 6)); err != nil {
			t.Fatal(err)
		}
		reading.Go(func() {
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				cut.Add(1)
			}
		})
	}
	reading.Wait()
	return int(cut.Load())
}

// TestSlowClientsAreCut checks that a connection with an unfinished request is closed, even if
// there are few connections.
func TestSlowClientsAreCut(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	addr := start(t, exampleSource(), exampleValues(1))
	for _, text := range attacks() {
		conn := dial(t, addr, text)
		t.Run(fmt.Sprintf("%.20q", text), func(t *testing.T) {
			t.Parallel()
			if err := conn.SetReadDeadline(time.Now().Add(wait.Patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLargeCall checks that a client that sends too much gets an error that says so, although the
// monitor does not read the whole request.
func TestLargeCall(t *testing.T) {
	addr := start(t, exampleSource(), exampleValues(1))
	conn := dial(t, addr, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 1073741824\r\n\r\n"+strings.Repeat(" ", 100<<10))
	w, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != 200 || !strings.Contains(string(body), "a request has at most 65536 bytes") {
		t.Errorf("got %d %s, %v", w.StatusCode, body, err)
	}
}

// TestRunEnds checks that Run and all goroutines end, even while clients wait.
func TestRunEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	m, err := NewMonitor(MonitorConfig{Port: int(counterpart.FreeAddress(t).Port())}, exampleSource(), exampleValues(1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()
	for range 2 * gate.MaxConns {
		dial(t, m.Addr().String(), "GET ")
	}
	if err := istats(m.Addr().String()); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(wait.Patience):
		t.Fatal("Run has not ended")
	}
	for deadline := time.Now().Add(wait.Patience); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := net.Dial("tcp", m.Addr().String()); err == nil {
		t.Error("the address is still taken")
	}
}

// On an address that other machines can reach, guarded queries need a token. A request over XML-RPC
// needs a token on every path.
func TestGuardedMethods(t *testing.T) {
	tokens, err := access.ParseTokens(fmt.Appendf(nil, "read page %x\n", sha256.Sum256([]byte("reading"))))
	if err != nil {
		t.Fatal(err)
	}
	answer := func(context.Context, question.Arguments) (question.Answer, error) {
		return question.Answer{Data: "told"}, nil
	}
	questions := []question.Question{{Name: "explain", Guarded: true, Ask: answer}, {Name: "status", Ask: answer}}
	for _, tt := range []struct {
		host                    string
		tokens                  *access.Tokens
		token                   string
		istats, status, explain string
	}{
		{"127.0.0.1", nil, "", "start_time", "told", "told"},
		{"127.0.0.1", tokens, "", "start_time", "told", "told"},
		{"0.0.0.0", nil, "", "start_time", "told", "needs a token"},
		{"0.0.0.0", tokens, "", "this needs a token", "this needs a token", "this needs a token"},
		{"0.0.0.0", tokens, "wrong", "not valid", "not valid", "not valid"},
		{"0.0.0.0", tokens, "reading", "start_time", "told", "told"},
	} {
		m, err := NewMonitor(MonitorConfig{Host: tt.host, Questions: questions, Guard: access.NewGuard(tt.tokens)}, exampleSource(), exampleValues(1))
		if err != nil {
			t.Fatal(err)
		}
		addr := run(t, m)
		for method, want := range map[string]string{"istats": tt.istats, "status": tt.status, "explain": tt.explain} {
			for _, path := range []string{"/", "/livez", "/readyz", "/RPC2"} {
				r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+path, strings.NewReader("<methodCall><methodName>"+method+"</methodName></methodCall>"))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "text/xml")
				if tt.token != "" {
					r.Header.Set("Authorization", "Bearer "+tt.token)
				}
				w, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(w.Body)
				_ = w.Body.Close()
				if err != nil || !strings.Contains(string(text), want) {
					t.Errorf("on %s, tokens %v, %q, %s at %s: %s, %v; want %q", tt.host, tt.tokens != nil, tt.token, method, path, text, err, want)
				}
			}
		}
	}
}
