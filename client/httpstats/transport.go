package httpstats

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// Transport measures the requests that Base sends. A request without a response
// has the status "error".
type Transport struct {
	// Client sends the measurements. Nil sends none.
	Client *client.Client

	// Base sends the requests: http.DefaultTransport if it is nil.
	Base http.RoundTripper

	// Name, if set, names a request. Use few names. The default is the host
	// without its port, "api_example_com": set Name if there are many hosts. If
	// Name panics, the request is called "unnamed" and the client counts a failure.
	Name func(r *http.Request) string

	// With WholeBody a measurement ends when the response's body was read to its end or closed. Without it, a
	// measurement ends with the response's header. A body that breaks off has the status "error". A body that is never
	// closed stays in flight.
	WholeBody bool

	meter meter
}

// RoundTrip sends and measures one request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	start, status := time.Now(), broken
	begin(t.Client)
	end := func(status int) {
		t.meter.end(t.Client, outcome{t.name(r), r.Method, status}, time.Since(start))
	}
	later := false
	defer func() { // even if Base panics
		if !later {
			end(status)
		}
	}()
	response, err := t.base().RoundTrip(r)
	if err != nil || response == nil {
		return response, err
	}
	status = statusOf(response.StatusCode)
	// After a protocol switch the body is the connection, which can also be written to.
	if t.WholeBody && status != http.StatusSwitchingProtocols && response.Body != nil && response.Body != http.NoBody {
		later = true
		response.Body = &body{ReadCloser: response.Body, status: status, end: end}
	}
	return response, nil
}

// body ends a measurement when it has been read or closed.
type body struct {
	io.ReadCloser
	status int
	end    func(status int)
	once   sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.done(b.status)
	} else if err != nil {
		b.done(broken)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.done(b.status)
	return b.ReadCloser.Close()
}

func (b *body) done(status int) { b.once.Do(func() { b.end(status) }) }

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
	case t.Client == nil:
		return ""
	case t.Name != nil:
		return called(t.Client, t.Name, r)
	case r.URL == nil || r.URL.Hostname() == "": // Base returns an error for it
		return "no_host"
	}
	return plain(r.URL.Hostname())
}
