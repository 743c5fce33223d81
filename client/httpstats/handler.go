package httpstats

import (
	"errors"
	"net/http"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// Handler measures the requests that Next serves. Its ResponseWriter has the same optional methods as the
// server's ResponseWriter: http.Flusher, http.Hijacker, http.Pusher, and the methods that http.ResponseController
// finds. It always has io.ReaderFrom.
type Handler struct {
	// Client sends the measurements. If it is nil, nothing is sent.
	Client *client.Client

	// Next serves the requests.
	Next http.Handler

	// Name, if set, returns the name for a request that was served. There should be few names, so never use the path
	// of the request. By default, the name is [PatternName] of Request.Pattern, which http.ServeMux sets. If there
	// is no pattern, the name is "unmatched". If a middleware between Handler and mux calls Request.WithContext or
	// Clone, the Handler cannot see the pattern: put the Handler directly around the mux. If Name panics, the name
	// is "unnamed", and the client counts a failure.
	Name func(r *http.Request) string

	meter meter
}

// ServeHTTP serves and measures a request. If Next panics, the panic continues.
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
			rec.note(http.StatusInternalServerError) // no effect if the handler has already sent a header
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
