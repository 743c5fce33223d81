// Package ask asks the monitor of a daemon.
//
//	client := ask.Client{Address: "localhost:8135", Timeout: 9 * time.Second}
//	answer, err := client.Ask(ctx, ask.Question{Method: "status"}, &status)
//
// Questions go over XML-RPC. Changes, and questions whose answer is a stream, go over the JSON API.
// The program that answers may not be a statsd. So the client bounds answers in bytes and depth, does not follow
// redirects, and makes errors safe for a terminal. Web proxies are not used.
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

// Client asks one monitor. It keeps no connection between questions.
type Client struct {
	Address string // host:port
	TLS     *tls.Config
	Token   string // for the header Authorization; "" for none
	// Timeout is how long one answer may take, in addition to the time for which it watches traffic.
	Timeout time.Duration
}

// An Error is the error in a monitor's answer. Other errors mean that there is no answer.
type Error struct {
	Code  string // as in package question; "" if there is none
	Fault int    // of XML-RPC; 0 if there is none
	Text  string
}

func (e *Error) Error() string { return e.Text }

// NotFound reports whether the requested thing does not exist.
func NotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "not_found" || e.Fault == faultNotFound)
}

// BadArgument reports whether the monitor refused an argument.
func BadArgument(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "bad_parameter" || e.Fault == faultArguments)
}

// Silent reports whether there was no answer: no connection, or a connection that ended or ran out of time.
func Silent(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, context.DeadlineExceeded)
}

// Codes of faults.
const (
	faultArguments = -32602
	faultMethod    = -32601
	faultNotFound  = -32001
)

// during runs do with a context that ends after the timeout plus d. It explains the error.
func (c *Client) during(ctx context.Context, what string, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout+d)
	defer cancel()
	err := do(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // the timeout caused the other error
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

// failure is an error whose text is safe for a terminal.
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

// do sends a request. Its errors have hints about the cause.
func (c *Client) do(ctx context.Context, request *http.Request) (*http.Response, error) {
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := http.Client{
		// A web proxy cannot reach a monitor.
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10, TLSClientConfig: c.TLS},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return nil, c.unreached(err)
	}
	return response, nil
}

// unreached adds a hint if the connection was refused or cut.
func (c *Client) unreached(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the user gave no URL
	}
	var dial *net.OpError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: give the certificate of its authority with --ca", err)
	case errors.As(err, &dial) && dial.Op == "dial" && !dial.Timeout():
		return fmt.Errorf("%w: is statsd running there, with its monitor on this port (statsd's port plus 10)?", err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the daemon closed the connection, it is ending or has too many: try again", err)
	}
	return err
}
