package httpstats

import (
	"errors"
	"net/http"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// Handler measures the requests that Next serves. Its ResponseWriter offers Next
// the same optional methods as the server's own: http.Flusher, http.Hijacker,
// http.Pusher, and the rest through http.ResponseController. It always offers
// io.ReaderFrom.
type Handler struct {
	// Client sends the measurements. Nil sends none.
	Client *client.Client

	// Next serves the requests.
	Next http.Handler

	// Name, if set, names a request after it was served. Use few names, and never a path as the browser sent it. The
	// default is [PatternName] of Request.Pattern, which http.ServeMux sets, or "unmatched" without a pattern. A
	// middleware between Handler and mux that calls Request.WithContext or Clone hides the pattern: put the Handler
	// next to the mux. If Name panics, the request is called "unnamed" and the client counts a failure.
	Name func(r *http.Request) string

	meter meter
}

// ServeHTTP serves and measures one request. A panic of Next goes on to the
// caller.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	r = r.WithContext(NewContext(r.Context(), h.Client))
	rec := &recorder{ResponseWriter: w}
	begin(h.Client)
	returned := false
	defer func() {
		failure := recover()
		name := h.name(r)
		if err, ok := failure.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			rec.status = aborted
		} else if !returned {
			h.Client.Incr(name + ".panics")
			rec.note(http.StatusInternalServerError) // ignored if a header was sent before
		} else if rec.status != hijacked && rec.lost(r.Context().Err()) {
			rec.status = aborted
		}
		rec.note(http.StatusOK)
		h.meter.end(h.Client, outcome{name, r.Method, rec.status}, time.Since(start))
		if failure != nil {
			panic(failure) //nolint:forbidigo // the panic of Next goes on
		}
	}()
	h.Next.ServeHTTP(rec.offer(), r)
	returned = true
}

func (h *Handler) name(r *http.Request) string {
	switch {
	case h.Client == nil:
		return ""
	case h.Name != nil:
		return called(h.Client, h.Name, r)
	case r.Pattern != "":
		return h.meter.patterns.get(r.Pattern, PatternName)
	default:
		return "unmatched"
	}
}
