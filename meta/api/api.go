// Package api serves the daemon's queries and changes as JSON over HTTP. It implements version 1 of the API, whose
// paths begin with /api/v1/.
//
//	handler := api.New(api.Config{Questions: questions, Changes: changes, Guard: guard, Trail: trail, ...})
//
// The lists of queries and changes determine everything else: paths, parameters, methods, permissions, and the
// description at /api/v1/openapi.json. A client sends a query with GET or HEAD. It makes a change with a POST of a
// JSON object. Each answer has one of these forms:
//
//	{"api":1,"as_of":T,"live":false,"took_ms":N,"looked_at":null,"complete":true,"data":...}
//	{"api":1,"error":{"code":"bad_parameter","text":"...","parameter":"seconds","next":"..."}}
//
// An answer about the last flush has an ETag, which changes with each flush. If a client sends the same request again
// before the next flush, it gets status 304, and the query is not run again.
//
// # Streams
//
// A query with a Stream is answered with events (text/event-stream). The path live sends the status once a second,
// at each flush, and at each change of the daemon's health. All readers of this path share one goroutine, which runs only
// while there are readers. At most maxStreams streams can be open. If a reader reads nothing for a second, its stream is
// closed. Other readers do not wait for it.
package api

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
)

// Root is the prefix of all paths.
const Root = "/api/v1/"

// Config says what an API serves, and who may use it.
type Config struct {
	Questions []question.Question
	Changes   []question.Change
	Guard     *access.Guard
	Trail     *access.Trail
	// Stamp returns a text that changes with each flush and with each change of the daemon's health. Different
	// processes return different texts.
	Stamp func() string
	// Events are the events of the path live. If they are nil, or if there is no query named
	// status, this path does not exist.
	Events question.Events
	// ErrorLog gets internal errors. If it is nil, they are dropped.
	ErrorLog *log.Logger
}

// API is the handler of all paths below Root. New creates it.
type API struct {
	cfg     Config
	paths   map[string]*path
	names   []string // the sorted names of the paths
	clients clients
	streams streams
	live    *live         // handler of the path /live; nil if the API does not serve this path
	changed atomic.Uint64 // number of successful changes through the API; a part of ETags
	openapi []byte
	counts  counts
	end     context.CancelFunc
	// cutAfter is the time after which a stream is closed if the client does not read.
	cutAfter time.Duration
}

// counts counts refused requests, refused streams, and streams that were closed because the
// client did not read.
type counts struct{ limited, refused, cut atomic.Uint64 }

// Counts are numbers of requests and streams since the start.
type Counts struct {
	Limited        uint64 // requests refused because the client has sent too many requests
	StreamsRefused uint64 // streams refused because maxStreams were open
	StreamsCut     uint64 // streams closed because the client did not read
}

// Counts returns the numbers of refused requests, refused streams and closed streams.
func (a *API) Counts() Counts {
	return Counts{a.counts.limited.Load(), a.counts.refused.Load(), a.counts.cut.Load()}
}

// path describes what the API serves at a path below Root.
type path struct {
	name string
	need access.Need
	// Exactly one of the following fields is set.
	question *question.Question
	change   *question.Change
	serve    http.HandlerFunc
}

// New returns an API. Its paths are made from the lists of queries and changes.
func New(cfg Config) *API {
	ctx, end := context.WithCancel(context.Background())
	a := &API{cfg: cfg, paths: map[string]*path{}, clients: clients{now: time.Now}, end: end, cutAfter: cutAfter}
	if cfg.Stamp == nil {
		a.cfg.Stamp = func() string { return "" }
	}
	if cfg.ErrorLog == nil {
		a.cfg.ErrorLog = log.New(discard{}, "", 0)
	}
	for i := range cfg.Questions {
		q := &cfg.Questions[i]
		need := access.Reading
		if q.Guarded {
			need = access.Guarded
		}
		a.paths[q.Name] = &path{name: q.Name, need: need, question: q}
	}
	for i := range cfg.Changes {
		c := &cfg.Changes[i]
		a.paths[c.Name] = &path{name: c.Name, need: access.Changing, change: c}
	}
	a.paths[""] = &path{serve: a.serveIndex}
	a.paths["openapi.json"] = &path{name: "openapi.json", serve: a.serveOpenAPI}
	if status := a.paths["status"]; cfg.Events != nil && status != nil {
		a.live = newLive(ctx, a, status.question)
		a.paths["live"] = &path{name: "live", need: access.Reading, serve: a.serveLive}
	}
	for name := range a.paths {
		a.names = append(a.names, name)
	}
	slices.Sort(a.names)
	a.openapi = a.describe()
	return a
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Close stops the goroutine of the path live. Call it after all requests have ended.
func (a *API) Close() {
	a.end()
	if a.live != nil {
		a.live.running.Wait()
	}
}

// ServeHTTP answers a request for any path below Root.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.clients.allow(r.RemoteAddr) {
		a.counts.limited.Add(1)
		a.fail(w, &question.Error{Code: question.TooMany, After: time.Second, Text: fmt.Sprintf("more than %d requests in a second", maxRequests)})
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path+"/", Root)
	p := a.paths[strings.TrimRight(name, "/")]
	if !ok || p == nil {
		a.fail(w, &question.Error{Code: question.NotFound, Text: fmt.Sprintf("there is no path %+.80q", r.URL.Path), Next: a.nearest(name)})
		return
	}
	if p.change != nil {
		a.serveChange(w, r, p)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a.wrongMethod(w, http.MethodGet, http.MethodHead)
		return
	}
	if _, refused := a.cfg.Guard.Check(r, p.need); refused != nil {
		a.fail(w, refused)
		return
	}
	if p.serve != nil {
		if _, err := checkQuery(r, nil); err != nil {
			a.fail(w, err)
			return
		}
		p.serve(w, r)
		return
	}
	a.serveQuestion(w, r, p.question)
}

// nearest suggests a path that is similar to an unknown path.
func (a *API) nearest(name string) string {
	name = strings.Trim(name, "/")
	for _, known := range a.names {
		if known != "" && name != "" && (strings.HasPrefix(known, name) || strings.HasPrefix(name, known) || strings.HasSuffix(known, "/"+name)) {
			return "ask " + Root + known
		}
	}
	return "ask " + Root + " for all paths"
}

// serveQuestion answers a query. The answer is a stream if the query has a Stream and the
// client does not ask for JSON.
func (a *API) serveQuestion(w http.ResponseWriter, r *http.Request, q *question.Question) {
	args, err := checkQuery(r, q.Parameters)
	if err != nil {
		a.fail(w, err)
		return
	}
	if q.Stream != nil && !prefersJSON(r.Header.Values("Accept")) {
		a.serveStream(w, r, q, args)
		return
	}
	tag := a.tag(r)
	if tagged(r.Header.Values("If-None-Match"), tag) {
		w.Header().Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	watches := q.Watches(args)
	if watches > 0 && !httpgate.Stay(r) {
		a.fail(w, errFull)
		return
	}
	httpgate.Extend(w, r, question.AnswerTime+watches)
	ctx, cancel := context.WithTimeout(r.Context(), question.AnswerTime+watches)
	defer cancel()
	answer, err := q.Ask(ctx, args)
	switch {
	case r.Context().Err() != nil && err != nil:
		return // the client has disconnected, or the daemon is ending
	case errors.Is(err, context.DeadlineExceeded):
		err = &question.Error{Code: question.Ending, Text: "the answer took too long", After: time.Second}
	}
	if err != nil {
		a.fail(w, err)
		return
	}
	if !answer.Live {
		w.Header().Set("ETag", tag)
	}
	a.answer(w, r, answer)
}

// errFull is returned when too many connections wait for answers about traffic.
var errFull = &question.Error{Code: question.Ending, Text: "too many queries about traffic are waiting already", After: 5 * time.Second}

// tag returns the ETag of an answer about the last flush. It is a weak ETag, because the member
// took_ms differs in each answer.
func (a *API) tag(r *http.Request) string {
	return fmt.Sprintf(`W/"%s-%d-%08x"`, a.cfg.Stamp(), a.changed.Load(), sum(r.URL.RequestURI()))
}

// prefersJSON reports whether a client wants JSON instead of events.
func prefersJSON(accept []string) bool {
	text := strings.ToLower(strings.Join(accept, ","))
	return strings.Contains(text, "application/json") && !strings.Contains(text, eventType)
}

// indexed is an entry in the list of paths.
type indexed struct {
	Path   string `json:"path"`
	Method string `json:"method"`
	Help   string `json:"help"`
}

// serveIndex lists all paths.
func (a *API) serveIndex(w http.ResponseWriter, r *http.Request) {
	list := []indexed{}
	for _, name := range a.names {
		if name == "" {
			continue
		}
		p := a.paths[name]
		entry := indexed{Path: Root + name, Method: http.MethodGet, Help: ownHelp[name]}
		switch {
		case p.change != nil:
			entry.Method, entry.Help = http.MethodPost, p.change.Help
		case p.question != nil:
			entry.Help = p.question.Help
		}
		list = append(list, entry)
	}
	a.answer(w, r, question.Answer{AsOf: time.Now(), Live: true, Complete: true, Data: list})
}

// ownHelp describes the API's paths that are not queries.
var ownHelp = map[string]string{
	"":             "All paths.",
	"live":         "Events: the status once a second, each flush, and each change of the daemon's health.",
	"openapi.json": "The OpenAPI description of all paths.",
}

func (a *API) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	a.write(w, r, http.StatusOK, a.openapi)
}
