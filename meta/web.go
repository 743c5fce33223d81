package meta

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/xmlrpc"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/api"
	"github.com/statsd-ops/statsd/meta/page"
)

// handler routes requests. POST requests are XML-RPC, and GET requests are routed by their path.
func (m *Monitor) handler() http.Handler {
	rpc, some := m.newMux(true), m.newMux(false)
	live, plain := page.New(), newPlain()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/"):
			m.api.ServeHTTP(w, r)
		case get && live.Has(r.URL.Path):
			// The page itself needs no token, because it contains no data. It asks the user for the token with which it
			// gets the data.
			live.ServeHTTP(w, r)
		case m.refused(w, r):
		case r.Method == http.MethodPost && m.mayAsk(r, access.Guarded):
			rpc.ServeHTTP(w, r)
		case r.Method == http.MethodPost:
			some.ServeHTTP(w, r)
		case !get:
			h.Set("Allow", "GET, HEAD, POST")
			http.Error(w, "use GET, or POST for XML-RPC", http.StatusMethodNotAllowed)
		case r.URL.Path == "/names" && m.names != nil:
			m.serveNames(w, r)
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
			http.Error(w, "this monitor has /, /plain, /names, /metrics, /healthz, /livez, /readyz and "+api.Root+", and XML-RPC by POST", http.StatusNotFound)
		}
	})
}

// namesTime is the maximum time for a client to read all names.
const namesTime = time.Minute

// serveNames serves all names in the table. Only one client is served at a time.
func (m *Monitor) serveNames(w http.ResponseWriter, r *http.Request) {
	if _, err := m.guard.Check(r, access.Guarded); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if !m.naming.TryLock() {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "another client is reading the names: ask again in 2s", http.StatusServiceUnavailable)
		return
	}
	defer m.naming.Unlock()
	httpgate.Extend(w, r, namesTime)
	ctx, stop := context.WithTimeout(r.Context(), namesTime)
	defer stop()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := m.names(ctx, w); err != nil {
		// Break the connection off, so that the client sees that the list is incomplete.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now())
	}
}

// newMux returns the XML-RPC methods. If the parameter all is false, guarded methods only return an
// error that asks for a token.
func (m *Monitor) newMux(all bool) *xmlrpc.Mux {
	mux := xmlrpc.NewMux(append(m.methods(), questionMethods(m.questions, all)...)...)
	mux.Extend = func(w http.ResponseWriter, r *http.Request, d time.Duration) {
		if d > 0 {
			httpgate.Stay(r) // protect the connection; if this fails, the server may close the connection in favour of another client
		}
		httpgate.Extend(w, r, d)
	}
	return mux
}

func (m *Monitor) mayAsk(r *http.Request, need access.Need) bool {
	_, refused := m.guard.Check(r, need)
	return refused == nil
}

// refused reports whether a request needs a token that it does not have, and answers such a
// request. Probes need no token. But a POST request to the path of a probe is an XML-RPC call.
func (m *Monitor) refused(w http.ResponseWriter, r *http.Request) bool {
	need := access.Reading
	if probe := r.URL.Path == "/livez" || r.URL.Path == "/readyz"; probe && r.Method != http.MethodPost {
		need = access.Nothing
	}
	_, err := m.guard.Check(r, need)
	if err == nil {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="statsd"`)
	http.Error(w, err.Error(), http.StatusUnauthorized)
	return true
}
