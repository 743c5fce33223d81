package httpstats_test

import (
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
	"github.com/statsd-ops/statsd/client/httpstats"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// site is a mux with a handler for everything a handler can do.
func site() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		defer httpstats.Timer(r.Context(), "db.query").Stop()
		httpstats.Count(r.Context(), "users.seen", 3)
		httpstats.Timing(r.Context(), "cache", 5*time.Millisecond)
		fmt.Fprint(w, "user "+r.PathValue("id"))
	})
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("of the test") })
	mux.HandleFunc("/panic/late", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "so far")
		panic("of the test")
	})
	mux.HandleFunc("/abort", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "so far")
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("streamed"))
		if n != 8 || err != nil {
			panic(err)
		}
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, http.ErrHijacked) {
			panic(err)
		}
		_, _ = rw.WriteString("HTTP/1.1 299 Mine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = rw.Flush()
	})
	mux.HandleFunc("/deadline", func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			panic(err)
		}
	})
	return mux
}

func TestHandler(t *testing.T) {
	rec := clienttest.New(t, client.Config{Prefix: "app", TypePrefixes: true})
	server := httptest.NewUnstartedServer(&httpstats.Handler{Client: rec.Client, Next: site()})
	var log counterpart.Output
	server.Config.ErrorLog = stdlog.New(&log, "", 0)
	server.Start()
	defer server.Close()
	for _, test := range []struct {
		method, path, name string
		errors, panics     float64
	}{
		{"GET", "/users/7", "users.id.GET.200", 0, 0},
		{"POST", "/users", "users.POST.201", 0, 0},
		{"GET", "/silent", "silent.GET.200", 0, 0},
		{"BREW", "/early", "early.OTHER.418", 0, 0},
		{"GET", "/fail", "fail.GET.502", 1, 0},
		{"POST", "/panic", "panic.POST.500", 1, 1}, // a GET would be tried again,
		{"POST", "/panic/late", "panic.late.POST.200", 0, 1},
		{"POST", "/abort", "abort.POST.aborted", 0, 0},
		{"GET", "/stream", "stream.GET.200", 0, 0},
		{"GET", "/hijack", "hijack.GET.hijacked", 0, 0},
		{"GET", "/deadline", "deadline.GET.200", 0, 0},
		{"GET", "/nowhere/at/all", "unmatched.GET.404", 0, 0},
		{"DELETE", "/users/7", "unmatched.DELETE.405", 0, 0},
	} {
		rec.Reset()
		request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := server.Client().Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		name := strings.Join(strings.Split(test.name, ".")[:strings.Count(test.name, ".")-1], ".")
		// The response may be here before the handler has returned. This counter
		// comes last.
		for deadline := time.Now().Add(wait.Patience); rec.Count("app.counters."+name+".requests") == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if got := rec.Values("app.timers." + test.name); len(got) != 1 {
			t.Errorf("%s %s: want one %s, sent %q", test.method, test.path, test.name, rec.Lines())
		}
		for counter, want := range map[string]float64{"requests": 1, "errors": test.errors, "panics": test.panics} {
			if got := rec.Count("app.counters." + name + "." + counter); got != want {
				t.Errorf("%s %s: %s.%s is %v, want %v", test.method, test.path, name, counter, got, want)
			}
		}
		if lines := rec.Lines(); lines[0] != "app.gauges.in_flight:1|g" {
			t.Errorf("%s %s: sent %q first", test.method, test.path, lines[0])
		}
		if v, _ := rec.Gauge("app.gauges.in_flight"); v != 0 {
			t.Errorf("%s %s: %v are in flight in the end", test.method, test.path, v)
		}
		if test.path == "/users/7" && test.method == "GET" {
			if n := rec.Count("app.counters.users.seen"); n != 3 {
				t.Errorf("Count in the request counted %v, want 3", n)
			}
			if v := rec.Values("app.timers.cache"); !slices.Equal(v, []float64{5}) {
				t.Errorf("Timing in the request recorded %v, want 5", v)
			}
			if v := rec.Values("app.timers.db.query"); len(v) != 1 {
				t.Errorf("Timer in the request recorded %v, want one", v)
			}
		}
	}
	// A panic goes on to the server, which still sees where it came from.
	panics := func() int { return strings.Count(log.String(), "panic serving ") }
	for deadline := time.Now().Add(wait.Patience); panics() < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := log.String(); panics() != 2 || strings.Count(got, "httpstats_test.site.func") != 2 {
		t.Errorf("the server logged\n%s", got)
	}
}

// However many requests come and go at a time, the last number sent is how many
// there are: none is overtaken by an older one.
func TestInFlightOrder(t *testing.T) {
	const goroutines, requests = 8, 500
	rec := clienttest.New(t, client.Config{QueueSize: 1 << 12})
	h := &httpstats.Handler{Client: rec.Client, Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			for range requests {
				h.ServeHTTP(w, r)
			}
		})
	}
	wg.Wait()
	before, n := 0.0, 0
	for _, s := range rec.Samples() {
		if s.Name != "in_flight" {
			continue
		}
		if math.Abs(s.Number()-before) != 1 {
			t.Fatalf("%v were in flight, and then %v", before, s.Number())
		}
		before = s.Number()
		n++
	}
	if n != 2*goroutines*requests || before != 0 {
		t.Errorf("%d numbers were sent, the last %v", n, before)
	}
}

// Over HTTP/2 the optional methods are others.
func TestHandlerHTTP2(t *testing.T) {
	rec := clienttest.New(t, client.Config{})
	server := httptest.NewUnstartedServer(&httpstats.Handler{Client: rec.Client, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flushes := w.(http.Flusher)
		_, pushes := w.(http.Pusher)
		_, hijacks := w.(http.Hijacker)
		fmt.Fprint(w, flushes, pushes, hijacks)
	})})
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "true true false" || response.ProtoMajor != 2 {
		t.Errorf("HTTP/%d: Flusher, Pusher, Hijacker are %s", response.ProtoMajor, body)
	}
}

// A handler finds just those optional methods that the server's writer has.
func TestOptionalMethods(t *testing.T) {
	type (
		plain    struct{ http.ResponseWriter }
		flusher  struct{ http.Flusher }
		hijacker struct{ http.Hijacker }
		from     struct{ io.ReaderFrom }
	)
	base := plain{httptest.NewRecorder()}
	var f flusher
	var h hijacker
	var r from
	for want, w := range map[string]http.ResponseWriter{
		"": base,
		"F": struct {
			plain
			flusher
		}{base, f},
		"H": struct {
			plain
			hijacker
		}{base, h},
		"R": struct {
			plain
			from
		}{base, r},
		"FH": struct {
			plain
			flusher
			hijacker
		}{base, f, h},
		"FR": struct {
			plain
			flusher
			from
		}{base, f, r},
		"HR": struct {
			plain
			hijacker
			from
		}{base, h, r},
		"FHR": struct {
			plain
			flusher
			hijacker
			from
		}{base, f, h, r},
	} {
		got := ""
		handler := &httpstats.Handler{Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, ok := w.(http.Flusher); ok {
				got += "F"
			}
			if _, ok := w.(http.Hijacker); ok {
				got += "H"
			}
			if _, ok := w.(io.ReaderFrom); ok {
				got += "R"
			}
			_, _ = io.WriteString(w, "without a client all works too")
		})}
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got != want {
			t.Errorf("a writer with %q became one with %q", want, got)
		}
	}
}

func TestPatternName(t *testing.T) {
	for pattern, want := range map[string]string{
		"GET /users/{id}/posts": "users.id.posts",
		"/files/{path...}":      "files.path",
		"/static/":              "static",
		"/":                     "root",
		"/{$}":                  "root",
		"POST  /a/{$}":          "a",
		"example.com/":          "example_com",
		"GET example.com/a b|c": "example_com.a_b_c",
		"/robots.txt":           "robots_txt",
	} {
		if got := httpstats.PatternName(pattern); got != want {
			t.Errorf("%q is named %q, want %q", pattern, got, want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransport(t *testing.T) {
	rec := clienttest.New(t, client.Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fail" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	calls := &http.Client{Transport: &httpstats.Transport{Client: rec.Client}}
	defer calls.CloseIdleConnections()
	for _, path := range []string{"/", "/fail"} {
		response, err := calls.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	broken := errors.New("broken")
	calls.Transport = &httpstats.Transport{
		Client: rec.Client,
		Base:   roundTripper(func(*http.Request) (*http.Response, error) { return nil, broken }),
		Name:   func(*http.Request) string { return "search" },
	}
	if response, err := calls.Post(server.URL, "", nil); !errors.Is(err, broken) {
		t.Errorf("the transport's error became %v", err)
		_ = response.Body.Close()
	}
	for _, name := range []string{"127_0_0_1.GET.200", "127_0_0_1.GET.503", "search.POST.error"} {
		if len(rec.Values(name)) != 1 {
			t.Errorf("want one %s, sent %q", name, rec.Lines())
		}
	}
	for name, want := range map[string]float64{"127_0_0_1.requests": 2, "127_0_0_1.errors": 1, "search.requests": 1, "search.errors": 1} {
		if got := rec.Count(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if v, ok := rec.Gauge("in_flight"); v != 0 || !ok {
		t.Errorf("%v are in flight in the end, %v", v, ok)
	}
}

// What a transport gives back for a request, or a server for a status, makes no
// new names and leaves nothing in flight.
func TestTransportOddities(t *testing.T) {
	rec := clienttest.New(t, client.Config{})
	answer := func(response *http.Response, err error) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return response, err })
	}
	request := httptest.NewRequestWithContext(t.Context(), "GET", "http://far/", nil)
	for _, test := range []struct {
		base    http.RoundTripper
		request *http.Request
		want    string
	}{
		{answer(&http.Response{StatusCode: 1000001}, nil), request, "far.GET.OTHER"}, // over HTTP/2 it can be
		{answer(&http.Response{StatusCode: -1}, nil), request, "far.GET.OTHER"},
		{answer(nil, nil), request, "far.GET.error"},
		{nil, &http.Request{Method: "PUT"}, "no_host.PUT.error"},
		{roundTripper(func(*http.Request) (*http.Response, error) { panic("as it likes") }), request, "far.GET.error"},
	} {
		rec.Reset()
		func() {
			defer func() { _ = recover() }()
			response, err := (&httpstats.Transport{Client: rec.Client, Base: test.base}).RoundTrip(test.request)
			if err == nil && response != nil && response.Body != nil {
				_ = response.Body.Close()
			}
		}()
		if len(rec.Values(test.want)) != 1 {
			t.Errorf("want one %s, sent %q", test.want, rec.Lines())
		}
		if v, ok := rec.Gauge("in_flight"); v != 0 || !ok {
			t.Errorf("%s: %v are in flight in the end, %v", test.want, v, ok)
		}
	}
}

type idleCloser struct {
	http.RoundTripper
	closed bool
}

func (c *idleCloser) CloseIdleConnections() { c.closed = true }

func TestTransportClosesIdle(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	base, standard := &idleCloser{}, &idleCloser{}
	http.DefaultTransport = standard
	(&httpstats.Transport{Base: base}).CloseIdleConnections()
	if !base.closed || standard.closed {
		t.Errorf("with a Base: closed its %v, the default's %v", base.closed, standard.closed)
	}
	(&httpstats.Transport{}).CloseIdleConnections()
	if !standard.closed {
		t.Error("without a Base the default's are not closed")
	}
}

func TestWithoutClient(t *testing.T) {
	httpstats.Timer(t.Context(), "a").Stop()
	httpstats.Count(t.Context(), "a", 1)
	if c := httpstats.FromContext(t.Context()); c != nil {
		t.Errorf("a bare context has the client %v", c)
	}
}
