package meta

import (
	"net/http"

	"github.com/statsd-ops/statsd/internal/xmlrpc"
	"github.com/statsd-ops/statsd/meta/page"
)

// handler routes requests: POST is XML-RPC, GET is routed by its path.
func (m *Monitor) handler() http.Handler {
	rpc := xmlrpc.NewMux(m.methods()...)
	live, plain := page.New(), newPlain()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case r.Method == http.MethodPost:
			rpc.ServeHTTP(w, r)
		case !get:
			h.Set("Allow", "GET, HEAD, POST")
			http.Error(w, "use GET, or POST for XML-RPC", http.StatusMethodNotAllowed)
		case live.Has(r.URL.Path):
			live.ServeHTTP(w, r)
		case r.URL.Path == "/plain":
			plain.serve(w, r, m)
		case r.URL.Path == "/healthz":
			serveHealth(w, r, m.source.Health())
		case r.URL.Path == "/livez":
			serveLive(w, m.source.Health())
		case r.URL.Path == "/readyz":
			serveReady(w, m.source.Health())
		case r.URL.Path == "/metrics":
			m.serveMetrics(w, r)
		default:
			http.Error(w, "this monitor has /, /plain, /metrics, /healthz, /livez and /readyz, and XML-RPC by POST", http.StatusNotFound)
		}
	})
}
