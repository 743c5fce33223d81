package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/internal/httpgate"
	q "github.com/statsd-ops/statsd/meta/question"
)

// files is the page that all fake daemons serve. It is made once, because compressing the files
// takes long with the race detector.
var files = New()

// daemon is a fake daemon. It serves the page, and fixed answers of the JSON API. A test can change
// them while a browser shows the page.
type daemon struct {
	t    testing.TB
	addr string
	stop func() // stops the server

	mu      sync.Mutex
	status  q.Status
	token   string // if set, the queries top, explain, config and tail need this token
	locked  bool   // whether all queries need the token
	noRoom  bool   // whether /api/v1/live answers with status 503
	asked   map[string]int
	streams int // number of open streams
	gone    chan struct{}
}

// startDaemon runs a fake daemon until the test ends.
func startDaemon(t testing.TB) *daemon {
	d := &daemon{t: t, addr: counterpart.FreeAddress(t).String(), status: exampleStatus(1), asked: map[string]int{}}
	d.start()
	t.Cleanup(func() { d.stop() })
	return d
}

func (d *daemon) start() {
	d.t.Helper()
	s, err := httpgate.Listen(httpgate.Config{Addr: d.addr, AnswerTimeout: time.Minute, Handler: http.HandlerFunc(d.serve)})
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	d.gone = make(chan struct{})
	gone := d.gone
	go func() { ended <- s.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		close(gone) // ends the streams
		cancel()
		if err := <-ended; err != nil {
			d.t.Error(err)
		}
	})
}

// change changes the state of the fake daemon.
func (d *daemon) change(f func(*daemon)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

// flush simulates a flush.
func (d *daemon) flush() {
	d.change(func(d *daemon) {
		d.status.Flush.Number++
		d.status.Flush.At = time.Now()
	})
}

// asks returns how often a query was sent.
func (d *daemon) asks(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[name]
}

func (d *daemon) open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.streams
}

func (d *daemon) serve(w http.ResponseWriter, r *http.Request) {
	name, isAPI := strings.CutPrefix(r.URL.Path, "/api/v1/")
	if !isAPI {
		files.ServeHTTP(w, r)
		return
	}
	d.mu.Lock()
	d.asked[name]++
	token, locked, noRoom, status := d.token, d.locked, d.noRoom, d.status
	d.mu.Unlock()
	switch guarded := map[string]bool{"top": true, "explain": true, "config": true, "tail": true}[name] || locked; {
	case guarded && token != "" && r.Header.Get("Authorization") != "Bearer "+token:
		refuse(w, 401, q.Error{Code: q.NoToken, Text: name + " needs a token", Next: "send Authorization: Bearer TOKEN"})
		return
	case name == "live" && noRoom:
		refuse(w, 503, q.Error{Code: q.Ending, Text: "8 streams are open"})
		return
	case name == "live":
		d.live(w, r)
		return
	}
	data := answer(name, r, status)
	if data == nil {
		refuse(w, 404, q.Error{Code: q.NotFound, Text: "no such query"})
		return
	}
	tag := fmt.Sprintf(`"%d"`, status.Flush.Number)
	if name == "status" && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("ETag", tag)
	_ = json.NewEncoder(w).Encode(envelope(data, name == "top" || name == "tail")) // fails only if the client has disconnected
}

func refuse(w http.ResponseWriter, code int, e q.Error) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"api": 1, "error": map[string]any{"code": e.Code, "text": e.Text, "next": e.Next}})
}

func envelope(data any, watched bool) any {
	a := struct {
		API int `json:"api"`
		q.Answer
	}{1, q.Answer{AsOf: time.Now(), Live: true, TookMillis: 400, Complete: true, Data: data}}
	if watched {
		a.LookedAt = &q.LookedAt{Every: 8, Seconds: 5, Of: 860700, Seen: 107300, Receivers: 4}
	}
	return a
}

// live streams the status. It does so ten times a second, so that tests are fast.
func (d *daemon) live(w http.ResponseWriter, r *http.Request) {
	d.change(func(d *daemon) { d.streams++ })
	defer d.change(func(d *daemon) { d.streams-- })
	d.mu.Lock()
	gone := d.gone
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprint(w, "retry: 3000\n\n: hello\n\n")
	for {
		d.mu.Lock()
		text, err := json.Marshal(envelope(d.status, false))
		number := d.status.Flush.Number
		d.mu.Unlock()
		if err != nil {
			d.t.Error(err)
			return
		}
		if _, err = fmt.Fprintf(w, "id: %d\nevent: status\ndata: %s\n\n", number, text); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-gone:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func answer(name string, r *http.Request, status q.Status) any {
	get := r.URL.Query()
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(get.Get(name)); err == nil {
			return n
		}
		return otherwise
	}
	switch name {
	case "status":
		return status
	case "top":
		return exampleTop(get.Get("by"))
	case "tail":
		return exampleTail(get.Get("bad") == "true")
	case "prefixes":
		return examplePrefixes(get.Get("prefix"))
	case "discards":
		return exampleDiscards()
	case "cluster":
		return exampleCluster()
	case "alerts":
		return exampleAlerts()
	case "config":
		return exampleConfig()
	case "explain":
		return exampleExplanation(get.Get("text"))
	case "history":
		return exampleHistory(strings.Split(get.Get("name"), ","), number("seconds", 3600), number("points", 360))
	case "values":
		pattern, err := glob.Parse(get.Get("match"))
		if err != nil {
			return nil
		}
		return exampleValues(pattern.Match, number("limit", 50))
	}
	return nil
}
