package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/kolo/xmlrpc"
)

// ask calls a method of the monitor, without parameters, and stores the answer in result.
// It reads at most limit bytes, and returns when ctx ends.
func (o *options) ask(ctx context.Context, method string, limit int64, result any) error {
	answered := make(chan error, 1)
	go func() { answered <- o.call(ctx, method, limit, result) }()
	var err error
	select {
	case err = <-answered:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // which caused the other error
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s: is this the port of a monitor (statsd's port plus 10)?", o.timeout)
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	}
	return fmt.Errorf("%s from %s: %s", method, o.addr, safe(err.Error()))
}

// call encodes and decodes with the library, but does not use its client, which has neither a
// context nor a limit on the answer.
func (o *options) call(ctx context.Context, method string, limit int64, result any) error {
	body, err := o.post(ctx, method, limit)
	if err != nil {
		return err
	}
	response := xmlrpc.Response(body)
	var fault xmlrpc.FaultError
	switch err := response.Err(); {
	case errors.As(err, &fault):
		return fmt.Errorf("fault %d: %s", fault.Code, fault.String)
	case err != nil:
		return notXMLRPC(err)
	}
	if err := response.Unmarshal(result); err != nil {
		return notXMLRPC(err)
	}
	return nil
}

func notXMLRPC(err error) error { return fmt.Errorf("the answer is not a monitor's: %w", err) }

// post returns the body of the answer.
func (o *options) post(ctx context.Context, method string, limit int64) ([]byte, error) {
	request, err := xmlrpc.NewRequest("http://"+o.addr+"/RPC2", method, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{
		// A web proxy cannot reach a monitor.
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return nil, unreached(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		line, _ := bufio.NewReader(io.LimitReader(response.Body, 256)).ReadBytes('\n')
		return nil, fmt.Errorf("HTTP status %d: %s", response.StatusCode, bytes.TrimSpace(line))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("the answer has more than %d bytes", limit)
	}
	return body, err
}

// unreached adds a hint if the connection was refused.
func unreached(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the user gave no URL
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" && !dial.Timeout() {
		return fmt.Errorf("%w: is statsd running there, with its monitor on this port (statsd's port plus 10)?", err)
	}
	return err
}
