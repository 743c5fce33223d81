package load

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/glob"
)

// request is what a client asks for.
type request struct {
	minutes int
	full    bool // complete minutes only

	// Names that are wanted: one of these, or that match one of the patterns. Without any
	// all are.
	names    map[string]bool
	patterns []glob.Glob
}

// wanted reports whether a name is.
func (q *request) wanted(s series) bool {
	return len(q.names)+len(q.patterns) == 0 || q.names[s.name] ||
		slices.ContainsFunc(q.patterns, func(g glob.Glob) bool { return g.Match(s.name) })
}

// path reads /N and /N/full, and reports whether the path is one of them.
func (q *request) path(path string, most int) bool {
	number, ok := strings.CutPrefix(path, "/")
	number, q.full = strings.CutSuffix(number, "/full")
	n, err := strconv.ParseUint(number, 10, 16)
	q.minutes = int(n)
	return ok && err == nil && number == strconv.Itoa(q.minutes) && 1 <= q.minutes && q.minutes <= most
}

// mostPatterns is how many names a request may have.
const mostPatterns = 100

// query reads ?name=GLOB, which may be repeated. Other keys are none of ours.
func (q *request) query(text string) error {
	values, err := url.ParseQuery(text)
	if err != nil {
		return err
	}
	names := values["name"]
	if len(names) > mostPatterns {
		return fmt.Errorf("name: want at most %d, not %d", mostPatterns, len(names))
	}
	q.names = map[string]bool{}
	for _, name := range names {
		g, err := glob.Parse(name)
		if err != nil {
			return fmt.Errorf("name: %w", err)
		}
		if strings.ContainsAny(name, `*?[\`) {
			q.patterns = append(q.patterns, g)
		} else {
			q.names[name] = true
		}
	}
	return nil
}

// guarded answers requests to hosts that may ask.
func (s *Sink) guarded() http.Handler {
	next := s.handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.gate.Answers(r.Host) {
			http.Error(w, "this load sink answers requests to localhost only: name another address in its URL", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handler answers with windows.
func (s *Sink) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		var q request
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
		case !q.path(r.URL.Path, s.config.Minutes):
			http.Error(w, fmt.Sprintf("there are the last minutes, /1 to /%d, and the last complete ones, /1/full to /%[1]d/full", s.config.Minutes), http.StatusNotFound)
		default:
			if err := q.query(r.URL.RawQuery); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			s.serveWindow(w, r, &q)
		}
	})
}

func (s *Sink) serveWindow(w http.ResponseWriter, r *http.Request, q *request) {
	v := s.history.shown.Load().window(q.minutes, q.full, time.Now())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Window-Minutes", strconv.Itoa(v.minutes))
	if r.Method == http.MethodHead {
		return
	}
	shape := shape{binning: s.binning, wanted: q.wanted}
	if s.config.Prefix != "" {
		shape.prefix = strings.TrimSuffix(s.config.Prefix, ".") + "."
	}
	if p := s.percentiles.Load(); p != nil {
		shape.thresholds = newThresholds(*p)
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	_ = v.write(outOfTurn{w, &s.turn}, &shape) // an error means that the client is gone
}

// outOfTurn lets others work while somebody waits for a client. One window at a time is
// worked out, so that many requests do not take all processors.
type outOfTurn struct {
	io.Writer
	turn *sync.Mutex
}

func (w outOfTurn) Write(p []byte) (int, error) {
	w.turn.Unlock()
	defer w.turn.Lock()
	return w.Writer.Write(p)
}
