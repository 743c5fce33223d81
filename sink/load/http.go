package load

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
	"github.com/statsd-ops/statsd/internal/glob"
)

// request is the parsed request of a client.
type request struct {
	minutes int
	full    bool // only complete minutes are requested

	// A name is requested if it is a key of the map names, or if it matches one of the patterns. If
	// both fields are empty, all names are requested.
	names    map[string]bool
	patterns []glob.Glob
}

// wanted reports whether the client requested a name.
func (q *request) wanted(s series) bool {
	return len(q.names)+len(q.patterns) == 0 || q.names[s.name] ||
		slices.ContainsFunc(q.patterns, func(g glob.Glob) bool { return g.Match(s.name) })
}

// path parses /N and /N/full. It returns false if the path has neither form.
func (q *request) path(path string, longest int) bool {
	number, ok := strings.CutPrefix(path, "/")
	number, q.full = strings.CutSuffix(number, "/full")
	n, err := strconv.ParseUint(number, 10, 16)
	q.minutes = int(n)
	return ok && err == nil && number == strconv.Itoa(q.minutes) && 1 <= q.minutes && q.minutes <= longest
}

// Limits for the names in a request. Each pattern is compared to every stored name, so the total length of the
// patterns is limited as well.
const (
	maxNames    = 100
	maxPatterns = 512
)

// query parses name=GLOB, which may occur several times. Other keys are ignored.
func (q *request) query(text string) error {
	values, err := url.ParseQuery(text)
	if err != nil {
		return err
	}
	names := values["name"]
	if len(names) > maxNames {
		return fmt.Errorf("name: may be given at most %d times, not %d", maxNames, len(names))
	}
	q.names = map[string]bool{}
	bytes := 0
	for _, name := range names {
		g, err := glob.Parse(name)
		if err != nil {
			return fmt.Errorf("name: %w", err)
		}
		if strings.ContainsAny(name, `*?[\`) {
			q.patterns = append(q.patterns, g)
			if bytes += len(name); bytes > maxPatterns {
				return fmt.Errorf("name: all patterns together have more than %d bytes", maxPatterns)
			}
		} else {
			q.names[name] = true
		}
	}
	return nil
}

// handler serves windows over HTTP.
func (s *Sink) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
		case !q.path(r.URL.Path, s.config.Minutes):
			http.Error(w, fmt.Sprintf("the path must be /1 to /%d for the last minutes, or /1/full to /%[1]d/full for the last complete minutes", s.config.Minutes), http.StatusNotFound)
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
	now := s.history.shown.Load().window(q.minutes, q.full, time.Now())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Window-Minutes", strconv.Itoa(now.minutes))
	if r.Method == http.MethodHead {
		return
	}
	t := &turn{Writer: w, one: s.turn, gone: gate.Gone(r.Context())}
	wanted := func(name series) bool { return !t.over() && q.wanted(name) }
	shape := shape{wanted: wanted}
	if s.config.Prefix != "" {
		shape.prefix = strings.TrimSuffix(s.config.Prefix, ".") + "."
	}
	if p := s.percentiles.Load(); p != nil {
		shape.thresholds = newThresholds(*p)
	}
	defer t.leave()
	if t.take() {
		_ = now.write(t, &shape) // an error means that the client has closed the connection
	}
}

// turn allows only one request at a time to compute a window, so that many requests do not occupy all processors.
// A request whose client has closed the connection computes nothing. While a request waits for its client to
// read, another request can compute.
type turn struct {
	io.Writer
	one  chan struct{} // contains an element while a request computes a window
	mine bool
	gone <-chan struct{} // closed when the client's connection is closed
}

// take waits until the request may compute its window. It returns false if the client has closed the
// connection.
func (t *turn) take() bool {
	select {
	case t.one <- struct{}{}:
		t.mine = true
	case <-t.gone:
	}
	return !t.over()
}

// over reports whether the client has closed the connection.
func (t *turn) over() bool {
	select {
	case <-t.gone:
		return true
	default:
		return false
	}
}

func (t *turn) leave() {
	if t.mine {
		<-t.one
	}
	t.mine = false
}

func (t *turn) Write(p []byte) (int, error) {
	t.leave()
	n, err := t.Writer.Write(p)
	if err == nil && !t.take() {
		err = net.ErrClosed
	}
	return n, err
}
