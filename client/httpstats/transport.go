package httpstats

import (
	"net/http"
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
	// host without its port, "api_example_com": set Name if hosts are many.
	Name func(r *http.Request) string

	inFlight inFlight
}

// RoundTrip sends and measures one request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.inFlight.add(t.Client, 1)
	start, o := time.Now(), outcome{"error", true}
	defer func() { // even if Base panics
		took := time.Since(start)
		t.inFlight.add(t.Client, -1)
		measure(t.Client, t.name(r), r.Method, o, took)
	}()
	response, err := t.base().RoundTrip(r)
	if err == nil && response != nil {
		o = statusOutcome(response.StatusCode)
	}
	return response, err
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

func (t *Transport) name(r *http.Request) string {
	switch {
	case t.Name != nil:
		return t.Name(r)
	case r.URL == nil || r.URL.Hostname() == "": // an error
		return "no_host"
	}
	return plain(r.URL.Hostname())
}
