// Package push sends payloads over HTTP, for sinks whose receivers use HTTP.
//
// It sends each payload as one POST request, on a connection that stays open. The status of the response determines
// what the daemon's outlet does with the payload:
//
//	2xx                        the payload is accepted
//	408, 429, any 5xx          the payload is sent again, not before the time in Retry-After (sink.Later)
//	401, 403, 404, a redirect  the payload is sent again, because an operator can correct the cause
//	any other 4xx              the payload is refused permanently (sink.Refused)
//
// Package push does not follow redirects and uses no proxy. Errors contain the first line of the response.
package push

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/authheader"
	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/secure"
)

// Config configures the receiver and the requests. Each setting is a key in the sink's URL.
type Config struct {
	// Addr is the receiver's "host:port".
	Addr string
	// Path is the URL path with the query string, such as "/v1/metrics".
	Path string
	// Type is the Content-Type of payloads.
	Type string
	// HeaderFile is the path of a file with HTTP headers, one NAME: VALUE per line. It is for secrets, such as
	// Authorization. The file is read for each payload. Empty means no additional headers.
	HeaderFile string
	// Token, if not empty, is the path of a file with a token. The token is sent in the header Authorization:
	// TokenScheme TOKEN.
	Token, TokenScheme string
	// TLS configures TLS. If it is nil, the Poster uses plain HTTP.
	TLS *secure.TLS
	// Plain turns off gzip compression of payloads.
	Plain bool
	// Timeout limits each Post, including the time to connect. Zero means 10 s.
	Timeout time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	maxHeaderFile  = 64 << 10
	maxAnswer      = 64 << 10
	maxShown       = 300 // maximum number of bytes of a response that are quoted in an error
)

// Poster posts payloads to one receiver. It is not safe for concurrent use.
type Poster struct {
	cfg    Config
	client http.Client
	url    string
	shown  string // the URL without the query string, for messages
	packed bytes.Buffer
	gzip   *gzip.Writer
}

// New returns a Poster. It also reads the files of the configuration, so that the daemon finds mistakes at its start.
// The error is a *metric.FlagError that names the setting.
func New(cfg Config) (*Poster, error) {
	p := &Poster{cfg: cfg}
	if p.cfg.Timeout == 0 {
		p.cfg.Timeout = defaultTimeout
	}
	if cfg.Timeout < 0 {
		return nil, metric.FlagErrorf("timeout", nil, "%v is negative", cfg.Timeout)
	}
	scheme := "http"
	if cfg.TLS != nil {
		scheme = "https"
		if _, err := cfg.TLS.Client(cfg.Addr); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(scheme + "://" + cfg.Addr + cfg.Path)
	if err != nil || u.Hostname() == "" {
		return nil, metric.FlagErrorf("path", nil, "%q is not the path of a URL", cfg.Path)
	}
	p.url, p.shown = u.String(), scheme+"://"+cfg.Addr+u.Path
	if _, err := p.header(); err != nil {
		return nil, err
	}
	p.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // NewWriterLevel fails only for an invalid level
	p.client.Timeout = p.cfg.Timeout
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.client.Transport = &http.Transport{
		DialTLSContext:         p.dialTLS,
		MaxIdleConns:           1,
		IdleConnTimeout:        5 * time.Minute, // longer than most flush intervals
		MaxResponseHeaderBytes: maxAnswer,
		ResponseHeaderTimeout:  p.cfg.Timeout,
	}
	return p, nil
}

// dialTLS connects with the current content of the certificate files.
func (p *Poster) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := p.cfg.TLS.Client(addr)
	if err != nil {
		return nil, err
	}
	c.NextProtos = []string{"http/1.1"}
	d := tls.Dialer{Config: c}
	return d.DialContext(ctx, network, addr)
}

// header returns the headers of a request.
func (p *Poster) header() (http.Header, error) {
	h := http.Header{}
	if p.cfg.HeaderFile != "" {
		text, err := safefile.ReadFile(p.cfg.HeaderFile, maxHeaderFile)
		if err != nil {
			return nil, metric.FlagErrorf("header-file", nil, "%w", err)
		}
		list, err := authheader.Parse(text)
		if err != nil {
			return nil, metric.FlagErrorf("header-file", nil, "%s: %w", p.cfg.HeaderFile, err)
		}
		h = list.Of(&url.URL{Host: p.cfg.Addr})
	}
	if p.cfg.Token != "" {
		text, err := safefile.ReadFile(p.cfg.Token, maxHeaderFile)
		if err != nil {
			return nil, metric.FlagErrorf("token-file", nil, "%w", err)
		}
		token := strings.TrimSpace(string(text))
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, metric.FlagErrorf("token-file", nil, "%s: must have one token of plain ASCII", p.cfg.Token)
		}
		h.Set("Authorization", p.cfg.TokenScheme+" "+token)
	}
	return h, nil
}

// Post posts a payload. If the status is 2xx, it returns up to 64 KiB of the response body. For any other status,
// the error has a type of package sink and wraps a *Status.
func (p *Poster) Post(ctx context.Context, payload []byte) (answer []byte, err error) {
	r, err := p.request(ctx, payload)
	if err != nil {
		return nil, p.failed(payload, err)
	}
	response, err := p.client.Do(r)
	if err != nil {
		return nil, p.failed(payload, cause(err))
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 == 2 {
		if err != nil {
			return nil, p.failed(payload, fmt.Errorf("read the answer: %w", err))
		}
		return answer, nil
	}
	status := &Status{Code: response.StatusCode, Answer: answer, Location: response.Header.Get("Location")}
	return nil, status.kind(p.failed(payload, status), authheader.RetryAfter(response.Header.Get("Retry-After")))
}

func (p *Poster) failed(payload []byte, err error) error {
	return fmt.Errorf("post %d bytes to %s: %w", len(payload), p.shown, err)
}

// request returns the HTTP request for a payload.
func (p *Poster) request(ctx context.Context, payload []byte) (*http.Request, error) {
	header, err := p.header()
	if err != nil {
		return nil, err
	}
	if !p.cfg.Plain {
		p.packed.Reset()
		p.gzip.Reset(&p.packed)
		_, _ = p.gzip.Write(payload) // a write to a bytes.Buffer never fails
		_ = p.gzip.Close()
		payload = p.packed.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	header.Set("Content-Type", p.cfg.Type)
	header.Set("User-Agent", "statsd")
	r.Header = header
	return r, nil
}

// cause removes the URL from an error of the HTTP client, because the method Poster.failed adds the
// URL again.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return fmt.Errorf("no answer in time: %w", u.Err)
		}
		return u.Err
	}
	return err
}

// Close closes the idle connection.
func (p *Poster) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

// Status is a response with a status other than 2xx.
type Status struct {
	Code     int
	Answer   []byte
	Location string // target of a redirect
}

func (s *Status) Error() string {
	text := "HTTP " + strconv.Itoa(s.Code)
	if s.Location != "" {
		text += " leads to " + strconv.QuoteToASCII(s.Location) + ": redirects are not followed, give the final address"
	}
	if line := Words(s.Answer); line != "" {
		text += ": " + line
	}
	return text
}

// Words returns the first line of a response, shortened and in plain ASCII.
func Words(answer []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(answer), []byte("\n"))
	if len(line) > maxShown {
		line = line[:maxShown]
	}
	quoted := strconv.QuoteToASCII(string(line))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// kind wraps err in the error type of package sink that corresponds to the status.
func (s *Status) kind(err error, after time.Duration) error {
	switch {
	case s.Code == http.StatusRequestTimeout, s.Code == http.StatusTooManyRequests, s.Code/100 == 5:
		if after > 0 {
			return &sink.Later{Err: err, After: after}
		}
		return err
	case s.Code == http.StatusUnauthorized, s.Code == http.StatusForbidden, s.Code == http.StatusNotFound, s.Code/100 != 4:
		return err
	}
	return &sink.Refused{Err: err}
}
