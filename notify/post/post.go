// Package post sends JSON to a URL of the operator, for notifiers that use HTTP.
//
// It follows no redirects, and uses a proxy only if HTTPS_PROXY or HTTP_PROXY is set. Errors contain only the
// host of the URL, because the path may be a secret. It reads at most 1 KiB of an error response, and nothing of
// other responses.
package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/internal/authheader"
	"github.com/statsd-ops/statsd/notify"
)

const (
	maxHeader = 16 << 10
	maxBody   = 1 << 10
	maxShown  = 100 // maximum number of bytes of a response in an error
)

// Poster posts to one URL.
type Poster struct {
	url    string
	shown  string // the URL without its secret parts
	header http.Header
	client http.Client
}

// New returns a Poster for an http or https URL. The Poster sends the HTTP headers that the list secrets has for the
// host of the URL.
func New(address string, secrets authheader.List) (*Poster, error) {
	u, err := Parse(address)
	if err != nil {
		return nil, err
	}
	p := &Poster{url: u.String(), shown: u.Scheme + "://" + u.Host, header: secrets.Of(u)}
	p.client.Transport = &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableKeepAlives:      true, // messages are rare: one a minute, or none for weeks
		MaxResponseHeaderBytes: maxHeader,
	}
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p, nil
}

// Parse parses and checks a URL. The error does not contain the URL.
func Parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("must be a URL such as https://HOST/PATH")
	case u.User != nil:
		return nil, errors.New("has a user or a password: give them as a header with --notify-auth-file")
	case u.Fragment != "":
		return nil, errors.New("has a part after #, which is never sent")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("must have a port from 1 to 65535 in the URL")
		}
	}
	return u, nil
}

// Post sends body. It returns nil if the status of the response is 200 to 299. For another status, the error can
// be a *notify.Refusal.
func (p *Poster) Post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post to %s: the URL is not valid", p.shown)
	}
	r.Header = p.header.Clone()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "statsd")
	answer, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("post to %s: %w", p.shown, reason(ctx, err))
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 == 2 {
		return nil
	}
	return p.refusal(answer)
}

// reason removes the URL from an error.
func reason(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// refusal returns the error for a response.
func (p *Poster) refusal(answer *http.Response) error {
	code := answer.StatusCode
	refusal := &notify.Refusal{After: authheader.RetryAfter(answer.Header.Get("Retry-After"))}
	switch {
	case code/100 == 3:
		to := "another address"
		if u, err := answer.Location(); err == nil {
			to = quote(u.Scheme + "://" + u.Host)
		}
		refusal.Final = true
		refusal.Err = fmt.Errorf("post to %s: HTTP %d leads to %s: redirects are not followed, give the final address", p.shown, code, to)
		return refusal
	case code/100 == 4 && code != http.StatusRequestTimeout && code != http.StatusTooEarly && code != http.StatusTooManyRequests:
		refusal.Final = true
	}
	text := ""
	if b, _ := io.ReadAll(io.LimitReader(answer.Body, maxBody)); len(bytes.TrimSpace(b)) > 0 {
		text = ": " + quote(firstLine(b))
	}
	refusal.Err = fmt.Errorf("post to %s: HTTP %d%s", p.shown, code, text)
	return refusal
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if len(line) > maxShown {
		line = line[:maxShown] + "..."
	}
	return strings.TrimSpace(line)
}

// quote makes text from a server safe for a log.
func quote(text string) string { return strconv.QuoteToASCII(text) }
