package httpstats

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// Transport measures the requests that Base sends. If there is no response, the status is "error".
type Transport struct {
	// Client sends the measurements. If it is nil, nothing is sent.
	Client *client.Client

	// Base sends the requests. If it is nil, http.DefaultTransport is used.
	Base http.RoundTripper

	// Name, if set, returns the name for a request. There should be few names. By default, the name is the host
	// without its port, such as "api_example_com": set Name if there are many hosts. If Name panics, the name is
	// "unnamed", and the client counts a failure.
	Name func(r *http.Request) string

	// WholeBody extends the measurement until the body of the response was read to its end or closed. Without
	// WholeBody, the measurement ends with the response's header. If reading the body fails, the status is "error".
	// A request whose body is never closed stays in flight.
	WholeBody bool

	meter meter
}

// RoundTrip sends and measures a request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	start, status := time.Now(), broken
	begin(t.Client)
	end := func(status int) {
		t.meter.end(t.Client, outcome{t.name(r), r.Method, status}, time.Since(start))
	}
	later := false
	defer func() { // also runs if Base panics
		if !later {
			end(status)
		}
	}()
	response, err := t.base().RoundTrip(r)
	if err != nil || response == nil {
		return response, err
	}
	status = statusOf(response.StatusCode)
	// After a protocol switch, the body is the connection, which must stay writable.
	if t.WholeBody && status != http.StatusSwitchingProtocols && response.Body != nil && response.Body != http.NoBody {
		later = true
		response.Body = &body{ReadCloser: response.Body, status: status, end: end}
	}
	return response, nil
}

// body is a response body. The measurement ends at the end of the body, at a read error, or when
// the body is closed.
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

// CloseIdleConnections is called by http.Client.CloseIdleConnections.
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
	case r.URL == nil || r.URL.Hostname() == "": // Base returns an error for this request
		return "no_host"
	}
	return plain(r.URL.Hostname())
}
