// Package httpgatetest checks that an HTTP listener has the protections of package httpgate. The
// tests of every HTTP listener call Check.
package httpgatetest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// patience is a timeout that does not expire even on a busy machine.
const patience = time.Minute

var protections = []struct {
	name  string
	check func(t *testing.T, l listener)
}{
	{"host", checkHost},
	{"headers", checkHeaders},
	{"one request a connection", checkOneRequest},
	{"large header", checkLargeHeader},
	{"large body", checkLargeBody},
	{"slow requests", checkSlow},
	{"silent connections", checkSilent},
}

// Check checks the listener at addr, a loopback "host:port", for every protection. A GET request to
// path must be answered with status 200.
func Check(t *testing.T, addr, path string) {
	t.Helper()
	listener{addr, path, nil}.check(t)
}

// CheckTLS checks a TLS listener for every protection, including the protections of TLS. config
// must trust the listener's certificate.
func CheckTLS(t *testing.T, addr, path string, config *tls.Config) {
	t.Helper()
	l := listener{addr, path, config}
	l.check(t)
	t.Run("old tls", func(t *testing.T) { checkOldTLS(t, l) })
	t.Run("plain http", func(t *testing.T) { checkPlain(t, l) })
}

type listener struct {
	addr, path string
	tls        *tls.Config // nil if the listener speaks plain HTTP
}

func (l listener) check(t *testing.T) {
	t.Helper()
	for _, p := range protections {
		t.Run(p.name, func(t *testing.T) { p.check(t, l) })
	}
}

// checkOldTLS checks that the listener refuses TLS 1.1 and does not offer HTTP/2. HTTP/2 allows
// many requests on a connection.
func checkOldTLS(t *testing.T, l listener) {
	old := l.tls.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if conn, err := tls.Dial("tcp", l.addr, old); err == nil {
		t.Errorf("TLS 1.1 is accepted: %v", conn.Close())
	}
	two := l.tls.Clone()
	two.NextProtos = []string{"h2", "http/1.1"}
	conn, err := tls.Dial("tcp", l.addr, two)
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState(); got.NegotiatedProtocol == "h2" || got.Version < tls.VersionTLS12 {
		t.Errorf("the connection has the protocol %q over the TLS version %x, want no HTTP/2, and TLS 1.2 or newer", got.NegotiatedProtocol, got.Version)
	}
	_ = conn.Close()
}

// checkPlain checks that a TLS listener refuses a plain HTTP request.
func checkPlain(t *testing.T, l listener) {
	plain := listener{l.addr, l.path, nil}
	text, err := io.ReadAll(plain.send(t, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", l.path)))
	if strings.Contains(string(text), " 200 ") || err != nil && !reset(err) {
		t.Errorf("a plain HTTP request gets the answer %q and the error %v, want an answer without status 200, or a closed connection", text, err)
	}
}

// checkHost checks that only requests to localhost or a loopback address are answered.
func checkHost(t *testing.T, l listener) {
	_, port, err := net.SplitHostPort(l.addr)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		l.addr: 200, "localhost": 200, "LOCALHOST:" + port: 200, "127.0.0.1": 200, "[::1]:" + port: 200,
		"evil.example": 403, "evil.example:" + port: 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
		"192.0.2.1": 403, "0.0.0.0:" + port: 403, "localhost.": 403, "localhost@evil.example": 403,
	} {
		if a := l.get(t, l.path, host); a.code != want {
			t.Errorf("a request to host %q gets %d, want %d", host, a.code, want)
		}
	}
	text, err := l.answers(t, fmt.Sprintf("GET %s HTTP/1.0\r\n\r\n", l.path))
	if line, _, _ := strings.Cut(text, "\n"); !strings.Contains(line, " 403 ") {
		t.Errorf("a request without a host gets %q, %v, want 403", line, err)
	}
}

// checkHeaders checks that answers and refusals have the security headers for browsers.
func checkHeaders(t *testing.T, l listener) {
	for _, tt := range []struct{ path, host string }{
		{l.path, "localhost"}, {l.path, "evil.example"}, {"/no/such/path", "localhost"},
	} {
		h := l.get(t, tt.path, tt.host).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("the answer to %s with the host %s: %s is %q, want %q", tt.path, tt.host, name, got, want)
			}
		}
		// Answers that contain no data of the daemon, such as the page's scripts, may be cached if the browser asks
		// each time whether they have changed.
		if got := h.Get("Cache-Control"); got != "no-store" && (got != "no-cache" || h.Get("ETag") == "") {
			t.Errorf("the answer to %s with the host %s: Cache-Control is %q, want no-store, or no-cache with an ETag", tt.path, tt.host, got)
		}
		policy := h.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, directive) {
				t.Errorf("the answer to %s with the host %s: the policy %q lacks %q", tt.path, tt.host, policy, directive)
			}
		}
		if h.Get("Content-Type") == "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("the answer to %s with the host %s must have a Content-Type and no Access-Control-Allow-Origin, but its headers are %v", tt.path, tt.host, h)
		}
	}
}

// checkOneRequest checks that the listener closes a connection after one answer.
func checkOneRequest(t *testing.T, l listener) {
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", l.path)
	text, err := l.answers(t, request+request)
	if n := strings.Count(text, "HTTP/1.1 "); n != 1 || err != nil && !reset(err) {
		t.Errorf("two requests on a connection get %d answers, %v, want 1", n, err)
	}
}

// checkLargeHeader checks that a header of 64 KiB is refused.
func checkLargeHeader(t *testing.T, l listener) {
	conn := l.send(t, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nX-Large: %s\r\n\r\n", l.path, strings.Repeat("x", 64<<10)))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if !strings.Contains(line, " 431 ") && !reset(err) {
		t.Errorf("a large header gets %q, %v, want 431", line, err)
	}
}

// checkLargeBody checks that the listener does not read a body of 1 GiB to its end.
func checkLargeBody(t *testing.T, l listener) {
	conn := l.send(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n", l.path, 1<<30))
	block := []byte(strings.Repeat(" ", 64<<10))
	for sent := 0; sent < 64<<20; sent += len(block) {
		if _, err := conn.Write(block); err != nil {
			return // the server has closed the connection
		}
	}
	t.Error("the server reads 64 MiB of a body")
}

// checkSlow checks that the listener closes connections with incomplete requests. A listener may
// also answer a request whose body is incomplete.
func checkSlow(t *testing.T, l listener) {
	soak.Slow(t)
	header := l.send(t, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nX-Slow", l.path))
	body := l.send(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<", l.path))
	for _, conn := range []net.Conn{header, body} {
		if _, err := io.ReadAll(conn); err != nil && !reset(err) {
			t.Errorf("the connection is still open after %v: %v", patience, err)
		}
	}
}

// answer is an HTTP response without its body.
type answer struct {
	code   int
	header http.Header
}

// get sends a GET request for path with the header Host: host, and returns the response.
func (l listener) get(t *testing.T, path, host string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.scheme()+l.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: l.tls}}
	response, err := client.Do(request)
	// On an error, send the request again: see the function answers.
	for deadline := time.Now().Add(patience); err != nil; response, err = client.Do(request) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header}
}

func (l listener) scheme() string {
	if l.tls != nil {
		return "https://"
	}
	return "http://"
}

// dial opens a connection to the listener, and sends nothing.
func (l listener) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", l.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// send opens a connection and writes text until the server stops reading it.
func (l listener) send(t *testing.T, text string) net.Conn {
	t.Helper()
	conn := l.dial(t)
	if l.tls != nil {
		named := l.tls.Clone()
		named.ServerName, _, _ = net.SplitHostPort(l.addr)
		conn = tls.Client(conn, named)
	}
	if _, err := io.WriteString(conn, text); err != nil && !reset(err) {
		t.Fatal(err)
	}
	return conn
}

// answers sends text, and returns the complete answer. On a busy machine, the server may close the connection
// before the text arrives. In this case, answers sends the text again on a new connection.
func (l listener) answers(t *testing.T, text string) (string, error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		answer, err := io.ReadAll(l.send(t, text))
		if len(answer) > 0 || time.Now().After(deadline) {
			return string(answer), err
		}
	}
}

// reset reports whether err means that the server closed the connection.
func reset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
