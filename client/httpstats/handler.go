package httpstats

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// Handler measures the requests that Next serves. Its ResponseWriter offers
// Next what the server's own does: http.Flusher, http.Hijacker, io.ReaderFrom,
// http.Pusher, and the rest through http.ResponseController.
type Handler struct {
	// Client sends the measurements. Nil sends none.
	Client *client.Client

	// Next serves the requests.
	Next http.Handler

	// Name, if set, names a request after it was served. The names must be few:
	// never a path as the browser sent it. The default is [PatternName] of
	// Request.Pattern, which http.ServeMux sets, and "unmatched" without one. A
	// middleware between the two that calls Request.WithContext or Clone hides the
	// pattern: put the Handler behind it, next to the mux.
	Name func(r *http.Request) string

	inFlight inFlight
}

// ServeHTTP serves and measures one request. A panic of Next goes on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	r = r.WithContext(NewContext(r.Context(), h.Client))
	w, rec := record(w)
	h.inFlight.add(h.Client, 1)
	returned := false
	defer func() {
		failure := recover()
		h.inFlight.add(h.Client, -1)
		name := h.name(r)
		if err, ok := failure.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			rec.aborted = true
		} else if !returned {
			h.Client.Incr(name + ".panics")
			rec.note(http.StatusInternalServerError) // unless one was sent before
		}
		rec.note(http.StatusOK)
		measure(h.Client, name, r.Method, rec.outcome(), time.Since(start))
		if failure != nil {
			panic(failure) //nolint:forbidigo // that of Next goes on
		}
	}()
	h.Next.ServeHTTP(w, r)
	returned = true
}

func (h *Handler) name(r *http.Request) string {
	switch {
	case h.Name != nil:
		return h.Name(r)
	case r.Pattern != "":
		return PatternName(r.Pattern)
	default:
		return "unmatched"
	}
}

// inFlight is how many requests are under way.
type inFlight struct {
	mu sync.Mutex // so that the numbers are sent in their order
	n  int
}

func (f *inFlight) add(c *client.Client, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n += n
	c.Gauge("in_flight", float64(f.n))
}

// outcome is the last part of a timer's name.
type outcome struct {
	word   string
	failed bool
}

// statusOutcome calls what is no status OTHER: by HTTP/2 a server may send any
// number.
func statusOutcome(status int) outcome {
	if status < 100 || status > 999 {
		return outcome{"OTHER", true}
	}
	return outcome{strconv.Itoa(status), status >= http.StatusInternalServerError}
}

func measure(c *client.Client, name, method string, o outcome, took time.Duration) {
	c.Timing(name+"."+usual(method)+"."+o.word, took)
	if o.failed {
		c.Incr(name + ".errors")
	}
	c.Incr(name + ".requests")
}

func usual(method string) string {
	switch method {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	default:
		return "OTHER"
	}
}
