package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
)

func TestMain(m *testing.M) {
	wait.Beside()
	m.Run()
}

// fake is a daemon for tests with a few queries and changes.
type fake struct {
	asked atomic.Int64
	stamp atomic.Int64
	trail access.Trail
	guard *access.Guard

	mu          sync.Mutex
	subscribers map[chan question.Event]bool
}

func (f *fake) Subscribe() (<-chan question.Event, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan question.Event, 16)
	f.subscribers[c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, c)
	}
}

func (f *fake) subscribed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subscribers)
}

// happen sends an event to all subscribers.
func (f *fake) happen(kind string, number uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.subscribers {
		c <- question.Event{Kind: kind, Number: number, At: time.Now()}
	}
}

// answer returns the Ask function of a query. The function answers with the value that the parameter data returns.
func (f *fake) answer(live bool, data func(question.Arguments) (any, error)) func(context.Context, question.Arguments) (question.Answer, error) {
	return func(_ context.Context, args question.Arguments) (question.Answer, error) {
		f.asked.Add(1)
		d, err := data(args)
		return question.Answer{AsOf: time.Unix(1795919938, 0), Live: live, Complete: true, Data: d}, err
	}
}

func (f *fake) questions() []question.Question {
	nan := math.NaN()
	return []question.Question{
		{Name: "status", Help: "All in short.", Answer: question.Status{}, Ask: f.answer(false, func(question.Arguments) (any, error) {
			return question.Status{Host: "metrics-3:8125", Received: question.Received{Samples: 1.5}}, nil
		})},
		{Name: "health", Help: "The health.", Answer: question.Health{}, Ask: f.answer(true, func(question.Arguments) (any, error) {
			return question.Health{State: "ok"}, nil
		})},
		{Name: "figures", Help: "Figures.", Answer: map[string]float64{}, Ask: f.answer(false, func(question.Arguments) (any, error) {
			return map[string]float64{"names": 5, "flush_duration": 1e-7}, nil
		})},
		{Name: "values", Help: "Values.", Answer: question.PathValues{}, Guarded: true, Parameters: []question.Parameter{
			{Name: "match", Default: "*", Help: "a glob"}, {Name: "limit", Kind: question.Int, Default: 50, Min: 1, Max: 1000, Help: "most"},
			{Name: "by", Choices: []string{"name", "value"}, Default: "name", Help: "the order"},
		}, Ask: f.answer(false, func(args question.Arguments) (any, error) {
			v := question.PathValues{Values: []question.PathValue{}}
			for i := range args.Int("limit") {
				v.Values = append(v.Values, question.PathValue{Path: fmt.Sprint("stats.caf\u00e9.", i), Value: question.Number(nan), Time: time.Unix(1795919938, 0)})
			}
			return v, nil
		})},
		{Name: "cost", Help: "The cost.", Answer: question.Cost{}, Ask: f.answer(false, func(question.Arguments) (any, error) {
			return question.Cost{CostSum: question.CostSum{Cores: 0.25}}, nil
		})},
		{Name: "explain", Help: "What happens to a line.", Guarded: true, Answer: question.Explanation{}, Parameters: []question.Parameter{
			{Name: "text", Required: true, Min: 1, Help: "a line or a name"}, {Name: "bad", Kind: question.Bool, Default: false, Help: "fail"},
		}, Ask: f.answer(true, func(args question.Arguments) (any, error) {
			switch args.Text("text") {
			case "none":
				return nil, &question.Error{Code: question.NotFound, Text: "no such name", Next: "look at values"}
			case "busy":
				return nil, &question.Error{Code: question.Busy, Text: "another query watches", After: 1500 * time.Millisecond}
			case "broken":
				return nil, errors.New("the disk is on fire")
			}
			return question.Explanation{Text: args.Text("text"), Steps: []question.Step{{Name: "parsed", OK: true}}}, nil
		})},
		{Name: "tail", Help: "Lines.", Guarded: true, Watch: "seconds", Answer: question.Tail{}, Parameters: []question.Parameter{
			{Name: "seconds", Kind: question.Int, Default: 10, Min: 0, Max: 30, Help: "how long"}, {Name: "match", Default: "*", Help: "a glob"},
		}, Ask: f.answer(true, func(question.Arguments) (any, error) { return question.Tail{}, nil }), Stream: f.tail},
	}
}

// tail emits lines. Depending on its arguments, it emits a few lines, returns an error, or emits
// lines until the client stops reading.
func (f *fake) tail(ctx context.Context, args question.Arguments, emit func(string, any) error) error {
	line := question.Line{Line: strings.Repeat("x", 1000)}
	switch args.Text("match") {
	case "busy":
		return &question.Error{Code: question.Busy, Text: "another query watches", After: time.Second}
	case "late":
		_ = emit("line", line)
		return &question.Error{Code: question.Ending, Text: "the daemon ends"}
	case "endless":
		for {
			if err := emit("line", line); err != nil {
				return err
			}
		}
	case "wait":
		_ = emit("looked", question.LookedAt{Every: 1})
		<-ctx.Done()
		return ctx.Err()
	}
	_ = emit("line", question.Line{Line: "a:1|c"})
	_ = emit("looked", question.LookedAt{Every: 4, Of: 100, Seen: 25})
	return emit("end", question.Tail{Matched: 1})
}

type muted struct {
	Globs int `json:"globs"`
}

func (f *fake) changes() []question.Change {
	return []question.Change{
		{Name: "flush", Help: "Flush now.", Answer: muted{}, Do: func(context.Context, question.Arguments) (any, error) { return muted{}, nil }},
		{Name: "names/mute", Help: "Mute names.", Answer: muted{}, Parameters: []question.Parameter{
			{Name: "match", Required: true, Min: 1, Help: "a glob"}, {Name: "seconds", Kind: question.Int, Default: 60, Min: 1, Max: 86400, Help: "how long"},
			{Name: "off", Kind: question.Bool, Default: false, Help: "end it"},
		}, Do: func(_ context.Context, args question.Arguments) (any, error) {
			if args.Text("match") == "taken" {
				return nil, &question.Error{Code: question.Busy, Text: "64 globs are muted"}
			}
			return muted{args.Int("seconds")}, nil
		}},
	}
}

// tokens returns two tokens for tests: reading has the role read, and operating has the role
// operate.
func tokens(t testing.TB) *access.Tokens {
	t.Helper()
	parsed, err := access.ParseTokens(fmt.Appendf(nil, "read page %x\noperate alice %x\n", sha256.Sum256([]byte("reading")), sha256.Sum256([]byte("operating"))))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// newFake returns a fake daemon and its API, on a loopback address and with tokens.
func newFake(t testing.TB) (*fake, *API) {
	f := &fake{guard: access.NewGuard(tokens(t)), subscribers: map[chan question.Event]bool{}}
	a := New(Config{
		Questions: f.questions(), Changes: f.changes(), Guard: f.guard, Trail: &f.trail, Events: f,
		Stamp: func() string { return fmt.Sprint("start-", f.stamp.Load()) },
	})
	// On a busy machine, a write can need more than a second although the client reads.
	a.cutAfter = wait.Patience
	// The tests send more requests than a client may send, so the clock of the API advances by a
	// second for each request.
	a.clients.now = func() func() time.Time {
		var n atomic.Int64
		return func() time.Time { return time.Unix(n.Add(1), 0) }
	}()
	return f, a
}

// site is a running API, to which a test sends requests.
type site struct {
	*fake
	api  *API
	base string
	end  func() // stops the API as the daemon does
}

func start(t testing.TB) *site {
	t.Helper()
	f, a := newFake(t)
	s, err := httpgate.Listen(httpgate.Config{Addr: "127.0.0.1:0", AnswerTimeout: 10 * time.Second, Handler: a})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	end := sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		a.Close()
		if n := f.subscribed(); n > 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
	t.Cleanup(end)
	return &site{f, a, "http://" + s.Addr().String(), end}
}

// reply is the complete answer to a request.
type reply struct {
	code   int
	header http.Header
	text   string
}

// request sends a request. Each header has the form "Name: value".
func (s *site) request(t testing.TB, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		if name, value, ok := strings.Cut(h, ": "); ok {
			r.Header.Set(name, value)
		}
	}
	client := http.Client{Timeout: wait.Patience, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{w.StatusCode, w.Header, string(text)}
}

func (s *site) get(t testing.TB, path string, headers ...string) reply {
	t.Helper()
	return s.request(t, "GET", "/api/v1/"+path, "", headers...)
}

const (
	reading   = "Authorization: Bearer reading"
	operating = "Authorization: Bearer operating"
	asJSON    = "Content-Type: application/json"
)

func TestProtections(t *testing.T) {
	t.Parallel()
	httpgatetest.Check(t, strings.TrimPrefix(start(t).base, "http://"), "/api/v1/status")
}

// TestAnswers checks answers to queries.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, want := range map[string]string{
		"figures":                      `{"api":1,"as_of":"` + time.Unix(1795919938, 0).UTC().Format(time.RFC3339) + `","live":false,"took_ms":0,"looked_at":null,"complete":true,"data":{"flush_duration":1e-07,"names":5}}` + "\n",
		"figures/":                     `"names":5`,
		"health":                       `"data":{"state":"ok","since":null,"reasons":[]}`,
		"status":                       `"received":{"samples":1.5,"datagrams":0,"connections":0}`,
		"cost":                         `"data":{"cores":0.25,"memory":0,`,
		"values?limit=1":               `{"path":"stats.caf\u00e9.0","kind":"","value":null,"time":"`,
		"explain?text=a%3A1%7Cc":       `"text":"a:1|c","known":false`,
		"explain?text=%FF%7F%E2%80%AE": `"text":"\ufffd\u007f\u202e"`,
		"":                             `{"path":"/api/v1/names/mute","method":"POST","help":"Mute names."}`,
		"tail?seconds=1":               "retry: 3000\n\nevent: line\ndata: {",
	} {
		got := s.get(t, path)
		if got.code != 200 || !strings.Contains(got.text, want) {
			t.Errorf("%s: got %d %s, want %s", path, got.code, got.text, want)
		}
		if kind := got.header.Get("Content-Type"); kind != "application/json; charset=utf-8" && !strings.HasPrefix(path, "tail") || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
	if got := s.request(t, "GET", "/api/v1", ""); got.code != 200 || !strings.Contains(got.text, "/api/v1/figures") {
		t.Errorf("/api/v1: %d %s", got.code, got.text)
	}
}

// TestErrors sends requests that cannot be answered. Each error must name the mistake, and what to
// do next.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, tt := range []struct {
		method, path, body string
		code               int
		want               string
		header             string // header of the request
	}{
		{"GET", "figures?speed=1", "", 400, `{"api":1,"error":{"code":"bad_parameter","text":"unknown parameter \"speed\": give no parameters","parameter":"speed","next":""}}`, ""},
		{"GET", "values?limit=0", "", 400, `"text":"limit: must be a whole number from 1 to 1000","parameter":"limit"`, ""},
		{"GET", "values?limit=1e3", "", 400, `"parameter":"limit"`, ""},
		{"GET", "values?limit=", "", 400, `"parameter":"limit"`, ""},
		{"GET", "values?by=colour", "", 400, `must be one of name, value`, ""},
		{"GET", "values?limit=1&limit=2", "", 400, `given 2 times`, ""},
		{"GET", "values?limit=%zz", "", 400, `the query string cannot be parsed`, ""},
		{"GET", "values?limit=1;match=a", "", 400, `the query string cannot be parsed`, ""},
		{"GET", "values?match=" + strings.Repeat("a", 1025), "", 400, `may have at most 1024 bytes`, ""},
		{"GET", "values?" + strings.Repeat("a", 4000) + "=1", "", 400, `bad_parameter`, ""},
		{"GET", "explain", "", 400, `text is missing: a line or a name`, ""},
		{"GET", "explain?text=", "", 400, `text is too short: give a line or a name","parameter":"text"`, ""},
		{"GET", "explain?text=none", "", 404, `{"api":1,"error":{"code":"not_found","text":"no such name","parameter":"","next":"look at values"}}`, ""},
		{"GET", "explain?text=busy", "", 409, `"code":"busy"`, ""},
		{"GET", "explain?text=broken", "", 500, `"code":"internal","text":"the disk is on fire"`, ""},
		{"GET", "live?x=1", "", 400, `unknown parameter`, ""},
		{"GET", "?x=1", "", 400, `unknown parameter \"x\"`, ""},
		{"GET", "openapi.json?x=1", "", 400, `unknown parameter`, ""},
		{"GET", "openapi.json?%zz", "", 400, `the query string cannot be parsed`, ""},
		{"GET", "nothing", "", 404, `"text":"there is no path \"/api/v1/nothing\"","parameter":"","next":"ask /api/v1/ for all paths"`, ""},
		{"GET", "mute", "", 404, `"next":"ask /api/v1/names/mute"`, ""},
		{"GET", "stat", "", 404, `"next":"ask /api/v1/status"`, ""},
		{"GET", "../../api/v2/status", "", 404, `not_found`, ""},
		{"POST", "status", "{}", 405, `use GET or HEAD`, asJSON},
		{"DELETE", "status", "", 405, `wrong_method`, ""},
		{"GET", "flush", "", 405, `use POST`, ""},
		{"OPTIONS", "flush", "", 405, `use POST`, ""},
		{"POST", "flush", "{}", 415, `"code":"bad_type"`, "Content-Type: text/plain"},
		{"POST", "flush", "{}", 415, `Content-Type: application/json`, "Content-Type: application/x-www-form-urlencoded"},
		{"POST", "flush?x=1", "{}", 400, `not from the query`, asJSON},
		{"POST", "flush", "", 400, `"text":"the body is not a JSON object: \"unexpected EOF\"","parameter":"","next":"send {} as the body if there are no parameters"`, asJSON},
		{"POST", "flush", "[]", 400, `the body is not a JSON object`, asJSON},
		{"POST", "flush", "{", 400, `bad_parameter`, asJSON},
		{"POST", "flush", `{"a"`, 400, `bad_parameter`, asJSON},
		{"POST", "flush", `{1:2}`, 400, `bad_parameter`, asJSON},
		{"POST", "flush", "{}{}", 400, `there is text after the JSON object`, asJSON},
		{"POST", "flush", `{"now":true}`, 400, `unknown parameter`, asJSON},
		{"POST", "names/mute", `{"match":"a","match":"b"}`, 400, `given twice`, asJSON},
		{"POST", "names/mute", `{"match":["a"]}`, 400, `must be a text, a number, true or false`, asJSON},
		{"POST", "names/mute", `{"match":null}`, 400, `must be a text`, asJSON},
		{"POST", "names/mute", `{"match":7}`, 400, `match: must be text`, asJSON},
		{"POST", "names/mute", "{\"match\":\"a\xff\"}", 400, `the body is not UTF-8`, asJSON},
		{"POST", "names/mute", `{}`, 400, `match is missing`, asJSON},
		{"POST", "names/mute", `{"match":"a","seconds":1.5}`, 400, `whole number`, asJSON},
		{"POST", "names/mute", `{"match":"a","seconds":1e300}`, 400, `whole number`, asJSON},
		{"POST", "names/mute", `{"match":"taken"}`, 409, `64 globs are muted`, asJSON},
		{"POST", "names/mute", `{"match":"` + strings.Repeat("a", 70000) + `"}`, 413, `too_large`, asJSON},
	} {
		got := s.request(t, tt.method, "/api/v1/"+tt.path, tt.body, operating, tt.header)
		if got.code != tt.code || !strings.Contains(got.text, tt.want) {
			t.Errorf("%s %.60s %.60s: got %d %s, want %d %s", tt.method, tt.path, tt.body, got.code, got.text, tt.code, tt.want)
		}
		var body failure
		if err := json.Unmarshal([]byte(got.text), &body); err != nil || body.API != 1 || body.Error.Code == "" || body.Error.Text == "" || len(got.text) > 600 {
			t.Errorf("%s %.60s: the error is %s (%v)", tt.method, tt.path, got.text, err)
		}
		if got.code == 405 && got.header.Get("Allow") == "" || got.code == 409 && strings.Contains(tt.path, "explain") && got.header.Get("Retry-After") != "2" {
			t.Errorf("%s %s: %v", tt.method, tt.path, got.header)
		}
	}
}

// For a query about the last flush, the daemon computes the answer only once per flush.
func TestETag(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.get(t, "figures")
	tag := first.header.Get("ETag")
	before := s.asked.Load()
	for _, header := range []string{tag, `"other", ` + tag, strings.TrimPrefix(tag, "W/")} {
		got := s.get(t, "figures", "If-None-Match: "+header)
		if got.code != 304 || got.text != "" || got.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d %s", header, got.code, got.text)
		}
	}
	if s.asked.Load() != before {
		t.Error("the query was run for a 304")
	}
	for name, path := range map[string]string{"another path": "status", "other parameters": "values?limit=2"} {
		if got := s.get(t, path, "If-None-Match: "+tag); got.code != 200 {
			t.Errorf("%s: %d", name, got.code)
		}
	}
	if got := s.get(t, "figures", "If-None-Match: *"); got.code != 200 {
		t.Errorf("*: %d", got.code)
	}
	s.stamp.Add(1)
	got := s.get(t, "figures", "If-None-Match: "+tag)
	if got.code != 200 || got.header.Get("ETag") == tag {
		t.Errorf("after a flush: %d, %s", got.code, got.header.Get("ETag"))
	}
	tag = got.header.Get("ETag")
	if got := s.request(t, "POST", "/api/v1/flush", "{}", operating, asJSON); got.code != 200 {
		t.Fatal(got.text)
	}
	if got := s.get(t, "figures", "If-None-Match: "+tag); got.code != 200 {
		t.Errorf("after a change: %d", got.code)
	}
	if got := s.get(t, "health"); got.header.Get("ETag") != "" {
		t.Error("a live answer has an ETag")
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	s := start(t)
	plain := s.get(t, "values")
	for accept, want := range map[string]string{"": "", "gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "identity": ""} {
		got := s.get(t, "values", "Accept-Encoding: "+accept)
		if got.header.Get("Content-Encoding") != want || got.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accept, got.header)
		}
		if want == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader([]byte(got.text)))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(z); string(text) != plain.text || err != nil || len(got.text) > len(plain.text)/4 {
				t.Errorf("%d bytes unpack to %d, %v; plain are %d", len(got.text), len(text), err, len(plain.text))
			}
		}
	}
	if got := s.get(t, "health", "Accept-Encoding: gzip"); got.header.Get("Content-Encoding") != "" {
		t.Error("a small answer is compressed")
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{"figures", "values?limit=3", "openapi.json", "explain?text=none", "explain"} {
		get, head := s.get(t, path), s.request(t, "HEAD", "/api/v1/"+path, "")
		if head.code != get.code || head.text != "" || head.header.Get("Content-Length") != fmt.Sprint(len(get.text)) || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("%s: HEAD %d %v, GET %d %v", path, head.code, head.header, get.code, get.header)
		}
	}
	for _, path := range []string{"live", "tail"} {
		if head := s.request(t, "HEAD", "/api/v1/"+path, ""); head.code != 200 || head.header.Get("Content-Type") != eventType {
			t.Errorf("%s: %d %v", path, head.code, head.header)
		}
	}
}

// TestRoles requests every path with every token. It does so on a loopback address and on an
// address that other machines can reach, with and without configured tokens.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := start(t)
	nobody, somebody := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv4zero}
	bodies := map[string]string{"names/mute": `{"match":"a"}`}
	queries := map[string]string{"explain": "?text=a", "tail": "?seconds=0"}
	for _, place := range []struct {
		addr   net.Addr
		tokens *access.Tokens
		// Each list has the status codes without a token, with a wrong token, with the role read, and
		// with the role operate.
		free, reading, guarded, changing [4]int
	}{
		{nobody, nil, [4]int{200, 200, 200, 200}, [4]int{200, 200, 200, 200}, [4]int{200, 200, 200, 200}, [4]int{403, 403, 403, 403}},
		{nobody, tokens(t), [4]int{200, 200, 200, 200}, [4]int{200, 200, 200, 200}, [4]int{200, 200, 200, 200}, [4]int{401, 401, 403, 200}},
		{somebody, nil, [4]int{200, 200, 200, 200}, [4]int{200, 200, 200, 200}, [4]int{401, 401, 401, 401}, [4]int{403, 403, 403, 403}},
		{somebody, tokens(t), [4]int{200, 200, 200, 200}, [4]int{401, 401, 200, 200}, [4]int{401, 401, 200, 200}, [4]int{401, 401, 403, 200}},
	} {
		s.guard.Bound(place.addr)
		s.guard.Replace(place.tokens)
		for name, p := range s.api.paths {
			if name == "live" {
				continue // skip live: its answer does not end, and it needs the same access as status
			}
			want := map[access.Need][4]int{access.Nothing: place.free, access.Reading: place.reading, access.Guarded: place.guarded, access.Changing: place.changing}[p.need]
			for i, header := range []string{"", "Authorization: Bearer wrong", reading, operating} {
				method, body := "GET", ""
				if p.change != nil {
					method, body = "POST", bodies[name]
					if body == "" {
						body = "{}"
					}
				}
				got := s.request(t, method, "/api/v1/"+name+queries[name], body, header, asJSON)
				if got.code != want[i] {
					t.Errorf("on %v, tokens %v, %s %s with %q: %d %s, want %d", place.addr, place.tokens != nil, method, name, header, got.code, got.text, want[i])
				}
				if got.code == 401 && got.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: no WWW-Authenticate", name)
				}
			}
		}
	}
	if s.api.paths["live"].need != s.api.paths["status"].need {
		t.Error("live and status need different tokens")
	}
}

// TestTrail checks that all requested changes are in the trail, including refused ones.
func TestTrail(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, header := range []string{operating, reading, "", operating} {
		s.request(t, "POST", "/api/v1/names/mute", `{"match":"web.\n*","seconds":5}`, header, asJSON)
	}
	s.request(t, "POST", "/api/v1/names/mute", `{"match":"taken"}`, operating, asJSON)
	var got []string
	for _, a := range s.trail.Last() {
		if !strings.HasPrefix(a.Address, "127.0.0.1:") || time.Since(a.Time) > time.Minute {
			t.Errorf("%+v", a)
		}
		got = append(got, a.Who+" "+a.Change+" "+a.Args+" "+a.Result)
	}
	want := []string{
		`alice names/mute match="taken" failed: 64 globs are muted`,
		`alice names/mute match="web.\n*" seconds=5 done`,
		` names/mute  refused: this needs a token; send Authorization: Bearer TOKEN`,
		`page names/mute  refused: the token of page has the role read: only the role operate allows changes`,
		`alice names/mute match="web.\n*" seconds=5 done`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestClients(t *testing.T) {
	now := time.Unix(1000, 0)
	c := clients{now: func() time.Time { return now }}
	times := func(n int, remote string) (allowed int) {
		for range n {
			if c.allow(remote) {
				allowed++
			}
		}
		return allowed
	}
	if got := times(150, "192.0.2.1:5"); got != maxRequests {
		t.Errorf("%d of 150 requests are allowed", got)
	}
	if got := times(1, "192.0.2.2:5"); got != 1 {
		t.Error("the requests of one client reduce the limit of another client")
	}
	if got := times(60, "[2001:db8::1]:5") + times(60, "[2001:db8::2]:5") + times(1, "[2001:db8:0:1::1]:5"); got != maxRequests+1 {
		t.Errorf("%d requests of a /64 are allowed", got)
	}
	for i := range 100_000 {
		c.allow(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
	}
	if len(c.counts) > maxClients+1 {
		t.Errorf("the table has %d entries", len(c.counts))
	}
	now = now.Add(time.Second)
	if got := times(1, "192.0.2.1:5"); got != 1 {
		t.Error("a client that was limited stays so")
	}
	_, a := newFake(t)
	a.clients.now = func() time.Time { return now }
	for range maxRequests {
		a.clients.allow("192.0.2.1:1")
	}
	w := newRecorder()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "/api/v1/status", nil)
	r.RemoteAddr = "192.0.2.1:7"
	a.ServeHTTP(w, r)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || a.Counts().Limited != 1 {
		t.Errorf("%d %v %+v", w.Code, w.Header(), a.Counts())
	}
}

// TestManyConnections sends requests on 32 connections at the same time. On a busy machine, the
// daemon may close a connection that is slow to send its request. It must not close a connection
// after it has received the request.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	s := start(t)
	var asking sync.WaitGroup
	for range 32 {
		asking.Go(func() {
			for range 3 {
				conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, "GET /api/v1/values?limit=200 HTTP/1.0\r\nHost: localhost\r\n\r\n")
				text, err := io.ReadAll(conn)
				_ = conn.Close()
				if len(text) > 0 && !(strings.HasPrefix(string(text), "HTTP/1.0 200 ") && strings.HasSuffix(string(text), "}}\n")) {
					t.Errorf("%d bytes, %v: %.100s", len(text), err, text)
				}
			}
		})
	}
	asking.Wait()
	if got := s.get(t, "figures"); got.code != 200 {
		t.Errorf("afterwards: %d", got.code)
	}
}
