package post

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/authheader"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/notify"
)

func newPoster(t *testing.T, address string, secrets authheader.List) *Poster {
	t.Helper()
	p, err := New(address, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serve starts a server with a handler.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func TestPost(t *testing.T) {
	var got *http.Request
	var body []byte
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	p := newPoster(t, s.URL+"/hook/s3cret?key=1", authheader.List{{Name: "Authorization", Value: "Bearer x"}, {Host: "elsewhere", Name: "X-Other", Value: "y"}})
	if err := p.Post(t.Context(), []byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.URL.String() != "/hook/s3cret?key=1" || string(body) != `{"a":1}` ||
		got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Authorization") != "Bearer x" || got.Header.Get("X-Other") != "" {
		t.Errorf("%s %s %v %s", got.Method, got.URL, got.Header, body)
	}
}

// TestAnswers checks the result for each kind of response. The error must be one line of ASCII and contain no
// secret.
func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		final  bool
		after  time.Duration
		text   string
	}{
		{"500", status(500, "no luck\nat all", ""), false, 0, `HTTP 500: "no luck"`},
		{"502, empty", status(502, "", ""), false, 0, "HTTP 502"},
		{"503, seconds", status(503, "", "120"), false, 2 * time.Minute, "HTTP 503"},
		{"503, nonsense", status(503, "", "-1"), false, 0, "HTTP 503"},
		{"503, a date that was", status(503, "", "Sun, 06 Nov 1994 08:49:37 GMT"), false, 0, "HTTP 503"},
		{"408", status(408, "", ""), false, 0, "HTTP 408"},
		{"425", status(425, "", ""), false, 0, "HTTP 425"},
		{"429", status(429, "slow down", "7"), false, 7 * time.Second, `HTTP 429: "slow down"`},
		{"400", status(400, "bad \x1b[31m\xff", ""), true, 0, `HTTP 400: "bad \x1b[31m\xff"`},
		{"401", status(401, "", ""), true, 0, "HTTP 401"},
		{"404", status(404, strings.Repeat("x", 1<<20), ""), true, 0, `HTTP 404: "` + strings.Repeat("x", 100) + `..."`},
		{"413", status(413, "", ""), true, 0, "HTTP 413"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example/s3cret", http.StatusTemporaryRedirect)
		}, true, 0, `HTTP 307 leads to "http://other.example": redirects are not followed, give the final address`},
		{"a redirect to nowhere", status(302, "", ""), true, 0, "HTTP 302 leads to another address"},
		{"no more", status(304, "", ""), true, 0, "HTTP 304"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.answer)
			err := newPoster(t, s.URL+"/s3cret?key=s3cret", nil).Post(t.Context(), nil)
			refusal, ok := errors.AsType[*notify.Refusal](err)
			if !ok || refusal.Final != tt.final || refusal.After != tt.after || !strings.Contains(err.Error(), "post to "+s.URL+": "+tt.text) {
				t.Errorf("%#v: %v", refusal, err)
			}
			checkText(t, err)
		})
	}
}

func status(code int, body, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func checkText(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); strings.Contains(text, "s3cret") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 400 {
		t.Errorf("the error is %q", text)
	}
}

// TestDate checks the parsing of a date in Retry-After.
func TestDate(t *testing.T) {
	if got := authheader.RetryAfter(time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)); got < 50*time.Minute || got > time.Hour {
		t.Errorf("%v", got)
	}
}

// TestRedirectIsNotFollowed checks that the target of a redirect gets no request.
func TestRedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
	})
	if err := newPoster(t, s.URL, nil).Post(t.Context(), []byte("{}")); err == nil {
		t.Error("it took it")
	}
	if followed.Load() {
		t.Error("the redirect was followed")
	}
}

// raw starts a listener. answer writes to each connection, which then stays open.
func raw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 4096)
				_, _ = conn.Read(buffer)
				answer(conn)
				_, _ = io.Copy(io.Discard, conn) // until the client closes the connection
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/s3cret"
}

// TestHostileServers checks that each attempt ends in time, and leaves no goroutines.
func TestHostileServers(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, tt := range map[string]struct {
		answer func(net.Conn)
		text   string
	}{
		"silence":          {func(net.Conn) {}, "no answer in time"},
		"a slow header":    {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ") }, "no answer in time"},
		"no HTTP":          {func(c net.Conn) { _, _ = io.WriteString(c, "220 mail\x1b\r\n\r\n") }, "malformed HTTP"},
		"a huge header":    {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)) }, "server response headers exceeded"},
		"an error forever": {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 500 No\r\n\r\nwait") }, "HTTP 500"},
		"a huge error":     {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 500 No\r\n\r\n"+strings.Repeat("y", 8<<20)) }, "HTTP 500"},
	} {
		t.Run(name, func(t *testing.T) {
			// On a busy machine, a server may need longer for the part that it does send.
			wait.Longer(t, 300*time.Millisecond, func(limit time.Duration) error {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				err := newPoster(t, raw(t, tt.answer), nil).Post(ctx, []byte("{}"))
				if err == nil || !strings.Contains(err.Error(), tt.text) {
					return fmt.Errorf("%w, want %s", err, tt.text)
				}
				checkText(t, err)
				return nil
			})
		})
	}
	// Only the goroutines of the listeners may be left.
	wait.Until(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before+6 })
}

// TestEndless checks that a successful response is accepted without reading its endless body.
func TestEndless(t *testing.T) {
	address := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	if err := newPoster(t, address, nil).Post(t.Context(), []byte("{}")); err != nil {
		t.Error(err)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = newPoster(t, "https://"+l.Addr().String()+"/s3cret", nil).Post(canceled(t), nil)
	if err == nil {
		t.Fatal("no error")
	}
	checkText(t, err)
	err = newPoster(t, "http://host.invalid/s3cret", nil).Post(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "post to http://host.invalid: ") {
		t.Fatalf("%v", err)
	}
	checkText(t, err)
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"https://hooks.example.com/a/b?c=d": "",
		"http://[::1]:8080":                 "",
		"http://host:0/":                    "must have a port from 1 to 65535",
		"http://host:70000/":                "must have a port from 1 to 65535",
		"http://host:x/":                    "must be a URL such as",
		"hooks.example.com/a":               "must be a URL such as",
		"ftp://host/":                       "must be a URL such as",
		"http:///a":                         "must be a URL such as",
		"http://":                           "must be a URL such as",
		"":                                  "must be a URL such as",
		"https://user:s3cret@host/":         "--notify-auth-file",
		"https://s3cret@host/":              "--notify-auth-file",
		"https://host/#s3cret":              "after #",
		"http://a b/s3cret":                 "must be a URL such as",
		"http://host/\ns3cret":              "must be a URL such as",
	} {
		_, err := Parse(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err != nil {
			checkText(t, err)
		}
	}
}

// TestProxy checks that a proxy is used if it is configured, except for the hosts in NO_PROXY. net/http reads the
// environment only once per process, so each case runs in its own process.
func TestProxy(t *testing.T) {
	if target := os.Getenv("POST_TO"); target != "" {
		if err := newPoster(t, target, nil).Post(t.Context(), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		return
	}
	var asked atomic.Value
	proxy := serve(t, func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.URL.String()) })
	for _, tt := range []struct {
		env  []string
		took bool
	}{
		{[]string{"HTTP_PROXY=" + proxy.URL}, true},
		{[]string{"HTTP_PROXY=" + proxy.URL, "NO_PROXY=hooks.invalid"}, false},
		{[]string{"HTTP_PROXY="}, false},
	} {
		asked.Store("")
		c := exec.Command(os.Args[0], "-test.run=^TestProxy$")
		c.Env = append(os.Environ(), append(tt.env, "POST_TO=http://hooks.invalid/x")...)
		err := c.Run()
		if took := asked.Load() == "http://hooks.invalid/x"; took != tt.took || took != (err == nil) {
			t.Errorf("%s: the proxy is asked for %q, error %v", tt.env, asked.Load(), err)
		}
	}
}
