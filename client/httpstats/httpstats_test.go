package httpstats_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
	"github.com/statsd-ops/statsd/client/httpstats"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// site returns a mux with a handler for each behaviour that handlers can have.
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
		{"POST", "/panic", "panic.POST.500", 1, 1}, // for a GET, the HTTP client would try again
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
		// The response can arrive before the handler returns. NAME.requests is sent last, so wait for this counter.
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
		if lines := rec.Lines(); lines[0] != "app.gauges.in_flight:+1|g" {
			t.Errorf("%s %s: sent %q first", test.method, test.path, lines[0])
		}
		if v, _ := rec.Gauge("app.gauges.in_flight"); v != 0 {
			t.Errorf("%s %s: %v are in flight at the end", test.method, test.path, v)
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
	// The server must still log the panic.
	panics := func() int { return strings.Count(log.String(), "panic serving ") }
	for deadline := time.Now().Add(wait.Patience); panics() < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := log.String(); panics() != 2 || strings.Count(got, "httpstats_test.site.func") != 2 {
		t.Errorf("the server logged\n%s", got)
	}
}

// TestInFlightIsShared checks that handlers, transports and processes share one gauge. Each of them
// adds to the gauge or subtracts from it, and a second process does not reset the gauge.
func TestInFlightIsShared(t *testing.T) {
	const goroutines, requests = 8, 500
	rec := clienttest.New(t, client.Config{QueueSize: 1 << 12})
	process, err := client.New(client.Config{Dial: rec.Dial}) // this client simulates a second process
	if err != nil {
		t.Fatal(err)
	}
	defer process.Close(t.Context())
	release, waiting := make(chan struct{}), make(chan struct{})
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			waiting <- struct{}{}
			<-release
		}
	})
	serve := func(h http.Handler, path string) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	}
	handlers := []http.Handler{
		&httpstats.Handler{Client: rec.Client, Next: next}, &httpstats.Handler{Client: rec.Client, Next: next},
		&httpstats.Handler{Client: process, Next: next},
	}
	var wg sync.WaitGroup
	for _, h := range handlers {
		wg.Go(func() { serve(h, "/wait") })
		<-waiting
		for range goroutines {
			wg.Go(func() {
				for range requests {
					serve(h, "/")
				}
			})
		}
	}
	within := func() float64 {
		if err := process.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, _ := rec.Gauge("in_flight")
		return v
	}
	for deadline := time.Now().Add(wait.Patience); rec.Count("unmatched.requests") < 3*goroutines*requests && time.Now().Before(deadline); {
		_ = within()
	}
	if v := within(); v != 3 {
		t.Errorf("%v are in flight, want 3", v)
	}
	close(release)
	wg.Wait()
	if v := within(); v != 0 {
		t.Errorf("%v are in flight at the end, want 0", v)
	}
}

// unwrapper is the ResponseWriter of a middleware. Its only optional method is Unwrap.
type unwrapper struct{ w http.ResponseWriter }

func (u unwrapper) Header() http.Header         { return u.w.Header() }
func (u unwrapper) Write(b []byte) (int, error) { return u.w.Write(b) }
func (u unwrapper) WriteHeader(status int)      { u.w.WriteHeader(status) }
func (u unwrapper) Unwrap() http.ResponseWriter { return u.w }

// TestUnwrap checks that a flush or hijack is recorded through ResponseWriters that have only the method Unwrap,
// both inside and outside the Handler.
func TestUnwrap(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(w http.ResponseWriter)
		want  string
	}{
		"flush": {func(w http.ResponseWriter) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusTeapot) // too late, because the header was already sent
		}, "GET.200"},
		"hijack": {func(w http.ResponseWriter) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			conn.Close()
		}, "GET.hijacked"},
	} {
		for wrapped := range 4 {
			rec := clienttest.New(t, client.Config{})
			handler := &httpstats.Handler{Client: rec.Client, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if wrapped&1 != 0 {
					w = unwrapper{unwrapper{w}}
				}
				test.serve(w)
			})}
			served := make(chan struct{})
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(served)
				if wrapped&2 != 0 {
					w = unwrapper{unwrapper{w}}
				}
				handler.ServeHTTP(w, r)
			}))
			server.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // drop the server's message about the late WriteHeader
			server.Start()
			if response, err := server.Client().Get(server.URL); err == nil {
				_, _ = io.Copy(io.Discard, response.Body) // this client reads the whole response
				response.Body.Close()
			}
			<-served
			server.Close()
			if len(rec.Values("unmatched."+test.want)) != 1 {
				t.Errorf("%s, wrapped %d: want one %s, sent %q", name, wrapped, test.want, rec.Lines())
			}
		}
	}
}

// loop is a ResponseWriter whose Unwrap returns itself.
type loop struct{ http.ResponseWriter }

func (l loop) Unwrap() http.ResponseWriter { return l }

func TestUnwrapLoop(t *testing.T) {
	rec := clienttest.New(t, client.Config{})
	h := &httpstats.Handler{Client: rec.Client, Next: http.NotFoundHandler()}
	h.ServeHTTP(loop{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if len(rec.Values("unmatched.GET.404")) != 1 {
		t.Errorf("sent %q", rec.Lines())
	}
}

// TestBrowserLeaves checks the status for a browser that closes the connection before the handler returns.
func TestBrowserLeaves(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for name, status := range map[string]int{"nothing written": 0, "200": 200, "502": 502} {
			rec := clienttest.New(t, client.Config{})
			begun, served := make(chan struct{}), make(chan struct{})
			handler := &httpstats.Handler{Client: rec.Client, Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(begun)
				<-r.Context().Done()
				if status != 0 {
					w.WriteHeader(status)
				}
			})}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(served)
				handler.ServeHTTP(w, r)
			}))
			server.EnableHTTP2 = http2
			server.StartTLS()
			ctx, leave := context.WithCancel(t.Context())
			go func() { <-begun; leave() }()
			request, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := server.Client().Do(request); err == nil {
				response.Body.Close()
			}
			<-served
			server.Close()
			if len(rec.Values("unmatched.GET.aborted")) != 1 || rec.Count("unmatched.errors") != 0 {
				t.Errorf("HTTP/2 %v, %s: want one aborted, sent %q", http2, name, rec.Lines())
			}
		}
	}
}

// TestDeadline checks the status after deadlines. After the deadline of http.TimeoutHandler, the
// output of the handler is lost. After other deadlines, the output is sent.
func TestDeadline(t *testing.T) {
	for name, test := range map[string]struct {
		before, after int // HTTP statuses
		outer         func(http.Handler) http.Handler
		want          string
	}{
		"nothing written":      {0, 0, timeout, "aborted"},
		"written before":       {202, 0, timeout, "aborted"},
		"written after":        {0, 202, timeout, "aborted"},
		"inside":               {202, 0, func(h http.Handler) http.Handler { return h }, "503"},
		"a context, before":    {202, 0, deadline, "202"},
		"a context, after":     {0, 202, deadline, "202"},
		"a context, a failure": {502, 0, deadline, "502"},
	} {
		rec := clienttest.New(t, client.Config{})
		served, answered := make(chan struct{}), make(chan struct{})
		var next http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if test.before != 0 {
				w.WriteHeader(test.before)
			}
			<-r.Context().Done()
			if !strings.HasPrefix(name, "a context") {
				<-answered // wait until http.TimeoutHandler has responded
			}
			if test.after != 0 {
				w.WriteHeader(test.after)
			}
		})
		if name == "inside" {
			next = timeout(next)
		}
		handler := &httpstats.Handler{Client: rec.Client, Next: next}
		outer := test.outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(served)
			handler.ServeHTTP(w, r)
		}))
		outer.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		close(answered)
		<-served
		if len(rec.Values("unmatched.GET."+test.want)) != 1 || rec.Count("unmatched.requests") != 1 {
			t.Errorf("%s: sent %q, want one %s", name, rec.Lines(), test.want)
		}
	}
}

func timeout(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Millisecond, "late") }

// deadline returns a handler whose request contexts have a deadline.
func deadline(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// TestNameFails checks that a panic in Name does not affect the request, and is reported.
func TestNameFails(t *testing.T) {
	for want, name := range map[string]func(*http.Request) string{
		"the Name function panicked: of the test":  func(*http.Request) string { panic("of the test") },
		"the Name function returned an empty name": func(*http.Request) string { return "" },
		"index out of range":                       func(r *http.Request) string { return r.Header["None"][len(r.Header)] },
	} {
		log := make(chan string, 10)
		rec := clienttest.New(t, client.Config{Log: func(line string) { log <- line }})
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "http://far/", nil)
		(&httpstats.Handler{Client: rec.Client, Name: name, Next: http.NotFoundHandler()}).ServeHTTP(w, r)
		response, err := (&httpstats.Transport{Client: rec.Client, Name: name, Base: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
		})}).RoundTrip(r)
		if err != nil || w.Code != http.StatusNotFound {
			t.Fatalf("the answers are %v, %v", w.Code, err)
		}
		response.Body.Close()
		if rec.Count("unnamed.requests") != 2 || len(rec.Values("unnamed.GET.404")) != 1 || len(rec.Values("unnamed.GET.204")) != 1 {
			t.Errorf("%s: sent %q", want, rec.Lines())
		}
		if s := rec.Client.Stats(); s.Failures != 2 || !strings.Contains(fmt.Sprint(s.LastError), want) {
			t.Errorf("%s: %+v", want, s)
		}
		for range 2 {
			if line := <-log; !strings.Contains(line, want) {
				t.Errorf("logged %q, want %q", line, want)
			}
		}
	}
}

// TestAllocations checks that the Handler adds three allocations to a request: the context, the request with this
// context, and the ResponseWriter. A timer in the request must not add any.
func TestAllocations(t *testing.T) {
	rec := clienttest.New(t, client.Config{QueueSize: 4, FlushInterval: time.Hour})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/users/7", nil)
	measured := &httpstats.Handler{Client: rec.Client, Next: mux}
	ctx := httpstats.NewContext(t.Context(), rec.Client)
	allocations := func(f func()) float64 {
		for range 3000 { // fill the queue; from then on, packets are reused
			f()
		}
		return testing.AllocsPerRun(1000, f)
	}
	bare := allocations(func() { mux.ServeHTTP(w, r) })
	if n := allocations(func() { measured.ServeHTTP(w, r) }) - bare; n > 3 {
		t.Errorf("the Handler adds %v allocations", n)
	}
	if n := allocations(func() { httpstats.Timer(ctx, "db.query").Stop() }); n != 0 {
		t.Errorf("a Timer allocates %v times", n)
	}
}

// TestManyNames checks that requests are measured even if there are very many names.
func TestManyNames(t *testing.T) {
	rec := clienttest.New(t, client.Config{QueueSize: 1 << 12})
	n := 0
	h := &httpstats.Handler{Client: rec.Client, Next: http.NotFoundHandler(), Name: func(*http.Request) string { n++; return fmt.Sprint("n", n) }}
	for range 5000 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	}
	for _, name := range []string{"n1", "n4096", "n4097", "n5000"} {
		if got := rec.Count(name + ".requests"); got != 1 {
			t.Errorf("%s has %v requests, want 1", name, got)
		}
	}
}

// TestHandlerHTTP2 checks which optional interfaces the Handler's ResponseWriter has over HTTP/2:
// http.Flusher and http.Pusher, but not http.Hijacker.
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

// TestOptionalMethods checks that the Handler's ResponseWriter has exactly the optional methods of the server's
// ResponseWriter.
func TestOptionalMethods(t *testing.T) {
	type (
		plain    struct{ http.ResponseWriter }
		flusher  struct{ http.Flusher }
		hijacker struct{ http.Hijacker }
	)
	base := plain{httptest.NewRecorder()}
	var f flusher
	var h hijacker
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
		"FH": struct {
			plain
			flusher
			hijacker
		}{base, f, h},
	} {
		got := ""
		handler := &httpstats.Handler{Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, ok := w.(http.Flusher); ok {
				got += "F"
			}
			if _, ok := w.(http.Hijacker); ok {
				got += "H"
			}
			_, _ = io.WriteString(w, "without a client all works too")
		})}
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got != want {
			t.Errorf("a writer with %q became one with %q", want, got)
		}
	}
}

// TestReadFrom checks that no header is sent if the source of ReadFrom fails immediately. The handler can then
// still choose a status.
func TestReadFrom(t *testing.T) {
	for want, begin := range map[string]string{"502": "", "200": "half"} {
		for _, http2 := range []bool{false, true} {
			rec := clienttest.New(t, client.Config{})
			server := httptest.NewUnstartedServer(&httpstats.Handler{Client: rec.Client, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				src := io.MultiReader(strings.NewReader(begin), iotest.ErrReader(io.ErrUnexpectedEOF))
				if _, err := w.(io.ReaderFrom).ReadFrom(src); err != nil {
					w.WriteHeader(http.StatusBadGateway)
				}
			})})
			server.EnableHTTP2 = http2
			server.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // drop the server's message about the late WriteHeader
			server.StartTLS()
			response, err := server.Client().Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			server.Close()
			if got := fmt.Sprint(response.StatusCode); got != want || len(rec.Values("unmatched.GET."+want)) != 1 {
				t.Errorf("HTTP/2 %v: want %s, the browser got %s, sent %q", http2, want, got, rec.Lines())
			}
		}
	}
}

func TestPatternName(t *testing.T) {
	for pattern, want := range map[string]string{
		"GET /users/{id}/posts": "users.id.posts",
		"/files/{path...}":      "files.path._all",
		"/files/{path}":         "files.path",
		"/static/":              "static._all",
		"GET /static":           "static",
		"/":                     "root",
		"/{$}":                  "root._index",
		"/{path...}":            "path._all",
		"POST  /a/{$}":          "a._index",
		"example.com/":          "example_com._all",
		"example.com/{$}":       "example_com._index",
		"example.com/a":         "example_com.a",
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
		t.Errorf("%v are in flight at the end, %v", v, ok)
	}
}

// TestTransportWholeBody checks that with WholeBody, a request lasts until its body was read or closed.
func TestTransportWholeBody(t *testing.T) {
	for want, use := range map[string]func(response *http.Response){
		"read.GET.200":  func(response *http.Response) { _, _ = io.Copy(io.Discard, response.Body) },
		"close.GET.200": func(*http.Response) {},
		"part.GET.200":  func(response *http.Response) { _, _ = response.Body.Read(make([]byte, 1)) },
		"broken.GET.error": func(response *http.Response) {
			_, _ = io.Copy(io.Discard, response.Body)
		},
		"empty.GET.204": func(*http.Response) {},
		"upgrade.GET.101": func(response *http.Response) {
			if _, ok := response.Body.(io.Writer); !ok {
				t.Error("the connection after a protocol switch takes no writes")
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			rec := clienttest.New(t, client.Config{})
			name, _, _ := strings.Cut(want, ".")
			transport := &httpstats.Transport{
				Client: rec.Client, WholeBody: true,
				Name: func(*http.Request) string { return name },
				Base: roundTripper(func(*http.Request) (*http.Response, error) {
					switch name {
					case "empty":
						return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
					case "upgrade":
						near, _ := net.Pipe()
						return &http.Response{StatusCode: 101, Body: near}, nil
					case "broken":
						return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("part"), iotest.ErrReader(io.ErrUnexpectedEOF)))}, nil
					}
					return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("whole"))}, nil
				}),
			}
			response, err := transport.RoundTrip(httptest.NewRequestWithContext(t.Context(), "GET", "http://far/", nil))
			if err != nil {
				t.Fatal(err)
			}
			at := 0.0 // the measurement ends with the header
			if name == "empty" || name == "upgrade" {
				at = 1
			}
			if n := rec.Count(name + ".requests"); n != at {
				t.Errorf("%s: %v measured at the header, want %v", want, n, at)
			}
			time.Sleep(time.Second)
			use(response)
			response.Body.Close()
			if v := rec.Values(want); len(v) != 1 || v[0] != (1-at)*1000 {
				t.Errorf("%s: recorded %v, sent %q", want, v, rec.Lines())
			}
			if v, _ := rec.Gauge("in_flight"); v != 0 {
				t.Errorf("%s: %v are in flight at the end", want, v)
			}
		})
	}
}

// TestTransportOddities checks that unusual responses and statuses create no new names, and that
// the gauge in_flight is 0 at the end.
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
		{answer(&http.Response{StatusCode: 1000001}, nil), request, "far.GET.OTHER"}, // a server can send this status over HTTP/2
		{answer(&http.Response{StatusCode: -1}, nil), request, "far.GET.OTHER"},
		{answer(&http.Response{StatusCode: -2}, nil), request, "far.GET.OTHER"},
		{answer(&http.Response{StatusCode: 0}, nil), request, "far.GET.OTHER"},
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
			t.Errorf("%s: %v are in flight at the end, %v", test.want, v, ok)
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
