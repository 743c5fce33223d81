package httpstats

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// Transport measures the requests that Base sends, each until its response's
// header is there. A request without a response has the status "error".
type Transport struct {
	// Client sends the measurements. Nil sends none.
	Client *client.Client

	// Base sends the requests: http.DefaultTransport if it is nil.
	Base http.RoundTripper

	// Name, if set, names a request. The names must be few. The default is the
	// host without its port: "api_example_com".
	Name func(r *http.Request) string

	inFlight atomic.Int64
}

// RoundTrip sends and measures one request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	t.Client.Gauge("in_flight", float64(t.inFlight.Add(1)))
	start := time.Now()
	response, err := base.RoundTrip(r)
	took := time.Since(start)
	t.Client.Gauge("in_flight", float64(t.inFlight.Add(-1)))
	o := outcome{"error", true}
	if err == nil {
		o = statusOutcome(response.StatusCode)
	}
	measure(t.Client, t.name(r), r.Method, o, took)
	return response, err
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

func (t *Transport) name(r *http.Request) string {
	if t.Name != nil {
		return t.Name(r)
	}
	return plain(r.URL.Hostname())
}
