// Package ask queries the monitor of a daemon.
//
//	client := ask.Client{Address: "localhost:8135", Timeout: 9 * time.Second}
//	answer, err := client.Ask(ctx, ask.Question{Method: "status"}, &status)
//
// Queries are sent over XML-RPC. Changes, and queries whose answer is a stream, are sent over the JSON API. The
// server may be another program than statsd. The client therefore limits the size and depth of answers, does not follow
// redirects, and makes error texts safe for a terminal. It does not use web proxies.
package ask

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
)

// Client queries one monitor. It opens a new connection for each query.
type Client struct {
	Address string // in the form host:port
	TLS     *tls.Config
	Token   string // value for the header Authorization; if "", the header is not sent
	// Timeout is the time limit for an answer. For a query that watches traffic for some time, this time is added to
	// the limit.
	Timeout time.Duration
}

// Error is an error that the monitor sent. Errors of other types mean that no valid answer was received.
type Error struct {
	Code  string // error code of package question, or ""
	Fault int    // XML-RPC fault code, or 0
	Text  string
}

func (e *Error) Error() string { return e.Text }

// NotFound reports whether the error means that the requested object does not exist.
func NotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "not_found" || e.Fault == faultNotFound)
}

// BadArgument reports whether the error means that the monitor refused an argument.
func BadArgument(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "bad_parameter" || e.Fault == faultArguments)
}

// Silent reports whether the error means that there was no answer: the connection failed, was closed, or timed
// out.
func Silent(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, context.DeadlineExceeded)
}

// XML-RPC fault codes.
const (
	faultArguments = -32602
	faultMethod    = -32601
	faultNotFound  = -32001
)

// during calls the function do with a context that ends after the timeout plus d. It adds an
// explanation to the error of this call.
func (c *Client) during(ctx context.Context, what string, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout+d)
	defer cancel()
	err := do(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // the error of the call is only a consequence of the timeout
	}
	if err == nil {
		return nil
	}
	why := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		why = fmt.Sprintf("no answer within %s: is this the port of a monitor (statsd's port plus 10)?", c.Timeout+d)
	case errors.Is(err, context.Canceled):
		why = "interrupted"
	}
	return &failure{what + " from " + c.Address + ": " + ascii.Safe(why), err}
}

// failure is an error whose text is safe to print on a terminal.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

func (c *Client) url(path string) string {
	scheme := "http"
	if c.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.Address + path
}

// do sends an HTTP request. It adds hints about the cause to errors.
func (c *Client) do(ctx context.Context, request *http.Request) (*http.Response, error) {
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := http.Client{
		// The transport has no proxy, because a web proxy cannot reach a monitor.
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10, TLSClientConfig: c.TLS},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return nil, c.unreached(err)
	}
	return response, nil
}

// unreached adds a hint to an error if the host is unknown, or the connection was refused or closed.
func (c *Client) unreached(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the URL of a *url.Error is not from the user, so leave it out
	}
	var dial *net.OpError
	var name *net.DNSError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: use --ca with the certificate of the authority that has signed the monitor's certificate", err)
	case errors.As(err, &name) && name.IsNotFound: // perhaps a command with a typing error
		return fmt.Errorf("%w: give the name or address of a host, or one of the commands that statsdmonitor --help lists", err)
	case errors.As(err, &dial) && dial.Op == "dial" && !dial.Timeout():
		return fmt.Errorf("%w: is statsd running there, with its monitor on this port (statsd's port plus 10)?", err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the daemon closed the connection, because it is ending or has too many connections: try again", err)
	}
	return err
}
