package meta

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/statsd-ops/statsd/internal/xmlrpc"
)

// handler routes requests: XML-RPC by its method, people by their path.
func (m *Monitor) handler() http.Handler {
	rpc := xmlrpc.NewMux(m.methods()...)
	page := newPage()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case r.Method == http.MethodPost:
			rpc.ServeHTTP(w, r)
		case !get:
			h.Set("Allow", "GET, HEAD, POST")
			http.Error(w, "use GET, or POST for XML-RPC", http.StatusMethodNotAllowed)
		case r.URL.Path == "/":
			page.serve(w, r, m)
		case r.URL.Path == "/healthz":
			m.serveHealth(w)
		default:
			http.Error(w, "there is / and /healthz here, and XML-RPC by POST", http.StatusNotFound)
		}
	})
}

// serveHealth answers in one line, by which a load balancer or a supervisor
// sees whether metrics get through.
func (m *Monitor) serveHealth(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := "ok"
	if err := m.source.Health(); err != nil {
		text = oneLine(err)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = fmt.Fprintln(w, text) // an error means that the client is gone
}

// oneLine returns the text of err in printable ASCII.
func oneLine(err error) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, err.Error())
}
