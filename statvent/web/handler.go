// Package web serves the statvent pipes of a host as JSON over HTTP.
//
//	http.ListenAndServe("127.0.0.1:7828", &web.Handler{})
//
// The response to a GET request for /stats is:
//
//	{
//	  "stats": {"web.requests": 1042, "web.seconds.95th": 0.31},
//	  "timestamp": 1795251862.25,
//	  "pipes": {"read": 3, "refused": 0, "timed_out": 0, ...}
//	}
//
// "stats" contains the merged stats of all processes. "timestamp" is in Unix seconds. "pipes" contains the numbers of
// pipes, and explanations of problems. With ?per-process=1, the response also has "processes" with the stats of each
// process by its process id.
//
// A Handler does not check the Host header of requests. A program that serves it on a loopback address should refuse
// requests to other hosts than localhost, like the command statvent. Without this check, a web page could read the stats
// through the browser of a user on this host (DNS rebinding).
package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/statvent"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// Handler reads the pipes for each GET request of its path. It responds to other paths with status 404. The zero
// Handler is ready to use. Requests that arrive during a reading share the next reading. Do not change a Handler
// after its first use.
type Handler struct {
	Reader pipes.Reader
	Merger pipes.Merger
	// Path is the path of the requests that are answered. If it is empty, the path is /stats.
	Path string

	readings readings
}

// answer is a reading in JSON.
type answer struct {
	Stats     stats            `json:"stats"`
	Timestamp float64          `json:"timestamp"`
	Pipes     counts           `json:"pipes"`
	Processes map[string]stats `json:"processes,omitzero"`
}

type stats map[string]statvent.Value

// counts contains the counts of a reading: see pipes.Result.
type counts struct {
	Read      int      `json:"read"`
	Refused   int      `json:"refused"`
	TimedOut  int      `json:"timed_out"`
	TooLarge  int      `json:"too_large"`
	Malformed int      `json:"malformed_lines"`
	Stale     int      `json:"stale"`
	Removed   int      `json:"removed"`
	Errors    []string `json:"errors,omitempty"`
}

// failure is an error in JSON.
type failure struct {
	Message string `json:"message"`
	Path    string `json:"path"`
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	perProcess, err := wantsProcesses(r)
	switch {
	case r.URL.Path != cmp.Or(h.Path, "/stats"):
		reply(w, http.StatusNotFound, failure{"the requested resource was not found", r.URL.Path})
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		reply(w, http.StatusMethodNotAllowed, failure{"only GET and HEAD are allowed", r.URL.Path})
	case err != nil:
		reply(w, http.StatusBadRequest, failure{err.Error(), r.URL.Path})
	default:
		h.serveStats(w, r, perProcess)
	}
}

func (h *Handler) serveStats(w http.ResponseWriter, r *http.Request, perProcess bool) {
	// Other clients may share this reading, so it continues if this client closes the connection.
	ctx := context.WithoutCancel(r.Context())
	read := h.readings.next(func() reading { return h.read(ctx) })
	if read.err != nil {
		reply(w, http.StatusInternalServerError, failure{read.err.Error(), r.URL.Path})
		return
	}
	a := answer{
		Stats:     h.Merger.Merge(read.result.Processes),
		Timestamp: float64(read.at.UnixMicro()) / 1e6,
		Pipes:     count(read.result),
	}
	if perProcess {
		a.Processes = make(map[string]stats)
		for _, p := range read.result.Processes {
			if p.Err == nil {
				a.Processes[strconv.Itoa(p.PID)] = p.Stats
			}
		}
	}
	reply(w, http.StatusOK, a)
}

func (h *Handler) read(ctx context.Context) reading {
	result, err := h.Reader.Read(ctx)
	return reading{result, time.Now(), err}
}

func wantsProcesses(r *http.Request) (bool, error) {
	value := r.URL.Query().Get("per-process")
	if value == "" {
		return false, nil
	}
	want, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("per-process: must be 1 or 0, not %.20q", value)
	}
	return want, nil
}

func count(r *pipes.Result) counts {
	c := counts{
		Refused: r.Refused, TimedOut: r.TimedOut, TooLarge: r.TooLarge,
		Malformed: r.Malformed, Stale: r.Stale, Removed: r.Removed,
	}
	for _, p := range r.Processes {
		if p.Err == nil {
			c.Read++
		}
	}
	for _, err := range r.Errors {
		c.Errors = append(c.Errors, err.Error())
	}
	return c
}

// reply writes v. A write error means that the client has closed the connection.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// MarshalJSON encodes bytes of names that are not valid UTF-8 as \xNN, so that different names stay different.
func (f stats) MarshalJSON() ([]byte, error) {
	named := make(map[string]statvent.Value, len(f))
	for name, value := range f {
		named[printable(name)] = value
	}
	return json.Marshal(named)
}

func printable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for i, r := range name {
		if _, size := utf8.DecodeRuneInString(name[i:]); r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, name[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
