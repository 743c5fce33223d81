package prometheus

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/accept"
)

// maxScrapes is the maximum number of concurrent scrapes. Further scrapes are answered with 503.
const maxScrapes = 4

const contentType = "text/plain; version=0.0.4; charset=utf-8"

const indexText = `statsd serves metrics for Prometheus:

/metrics     the metrics
/names       the names that are known, for statsd --check-mapping
/-/healthy   answers 200 while the daemon runs
/-/ready     answers 200 once the daemon has flushed
`

func (s *Sink) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", s.serveMetrics)
	mux.HandleFunc("/names", s.serveNames)
	mux.HandleFunc("/-/healthy", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "healthy\n") })
	mux.HandleFunc("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if s.flushed.Load() == 0 {
			plain(w, http.StatusServiceUnavailable, "there has been no flush yet\n")
			return
		}
		plain(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, indexText) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // an error means that the client has closed the connection
}

// serveMetrics sends the page of the last flush.
func (s *Sink) serveMetrics(w http.ResponseWriter, r *http.Request) {
	select {
	case s.scraping <- struct{}{}:
		defer func() { <-s.scraping }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many scrapes at a time: "+strconv.Itoa(maxScrapes)+" are allowed", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Vary", "Accept, Accept-Encoding")
	proto := takesProto(r.Header.Values("Accept"))
	if proto {
		h.Set("Content-Type", protoType)
	}
	zip := takesGzip(r.Header.Values("Accept-Encoding"))
	if zip {
		h.Set("Content-Encoding", "gzip")
	}
	if r.Method == http.MethodHead {
		return
	}
	s.scrapes.Add(1)
	if zip {
		body := s.compressed(proto)
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // an error means that the client has closed the connection
		return
	}
	v := s.acquire()
	defer s.release(v)
	write := v.write
	if proto {
		write = v.writeProto
	}
	_ = write(yielding{w, s.yielder()}) // an error means that the client has closed the connection
}

// takesProto reports whether a client prefers protobuf to text. This requires that the Accept header names
// protobuf explicitly.
func takesProto(header []string) bool {
	all := accept.Parse(header)
	proto, named := accept.Weigh(all, "application/vnd.google.protobuf", "")
	text, _ := accept.Weigh(all, "text/plain", "0.0.4")
	return named && proto > 0 && proto >= text && strings.Contains(strings.ToLower(strings.Join(header, ",")), "encoding=delimited")
}

// serveNames lists the known names. Each line has the kind and the name.
func (s *Sink) serveNames(w http.ResponseWriter, _ *http.Request) {
	s.flushing.Lock()
	names, pages := slices.Clone(s.store.names), slices.Clone(s.store.texts.pages)
	s.flushing.Unlock()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := bufio.NewWriterSize(w, writeBlock)
	for i := range names {
		if n := &names[i]; n.state != nameFree {
			_, _ = out.WriteString(n.kind.String() + " ")
			_, _ = out.Write(textOf(pages, n.text))
			_ = out.WriteByte('\n')
		}
	}
	_ = out.Flush() // an error means that the client has closed the connection
}

func takesGzip(accepts []string) bool {
	for _, accept := range accepts {
		for one := range strings.SplitSeq(accept, ",") {
			coding, params, _ := strings.Cut(one, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "gzip" && coding != "*" {
				continue
			}
			weight, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			q, err := strconv.ParseFloat(weight, 64)
			return !found || err == nil && q > 0
		}
	}
	return false
}

// compressed returns the compressed page. It holds the view only while it compresses the page, not while a client
// reads the response.
func (s *Sink) compressed(proto bool) []byte {
	v := s.acquire()
	defer s.release(v)
	size := &s.textSize
	if proto {
		size = &s.protoSize
	}
	body := v.compressed(proto, int(size.Load()), s.yielder())
	size.Store(int64(len(body)))
	return body
}

// maxYield is the maximum time for which the writing of a page waits for flushes. It is only reached if flushes take most
// of the time.
const maxYield = time.Second

// yielder returns a function that waits while a flush runs. Writing a large page needs a whole core for part of a second.
// On a machine with few cores, a flush at the same time would take longer. A late flush does more harm than a late
// page.
func (s *Sink) yielder() func() {
	left := maxYield
	return func() {
		s.mu.Lock()
		ended := s.ended
		s.mu.Unlock()
		if ended == nil || left <= 0 {
			return
		}
		begun, timeout := time.Now(), time.NewTimer(left)
		defer timeout.Stop()
		select {
		case <-ended:
		case <-timeout.C:
		}
		left -= time.Since(begun)
	}
}
