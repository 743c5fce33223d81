// Package push sends payloads over HTTP, for the sinks whose receivers speak it.
//
// It sends one POST for each payload, on a connection that stays open, and translates the answer for an outlet:
//
//	2xx                           taken
//	408, 429, any 5xx             sent again; Retry-After is obeyed (sink.Later)
//	401, 403, 404, a redirect sent again: an operator can correct the cause
//	any other 4xx                 refused permanently (sink.Refused)
//
// Redirects are not followed, and no proxy is used. Errors show the first line of the answer.
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

// Config says where and how to post. The daemon has each setting as a key of the sink's URL.
type Config struct {
	// Addr is the receiver's "host:port".
	Addr string
	// Path is the path and the query, such as "/v1/metrics".
	Path string
	// Type is the Content-Type of payloads.
	Type string
	// HeaderFile has headers to send, one a line: NAME: VALUE. It is for secrets, such as
	// Authorization. The file is read at each connect. Empty: none.
	HeaderFile string
	// Token, unless empty, is a file with a token. It is sent as Authorization: TokenScheme TOKEN.
	Token, TokenScheme string
	// TLS configures TLS. nil means no TLS.
	TLS *secure.TLS
	// Plain sends payloads without gzip.
	Plain bool
	// Timeout limits one Post, including the connect. Zero means 10 s.
	Timeout time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	maxHeaderFile  = 64 << 10
	maxAnswer      = 64 << 10
	maxShown       = 300 // maximum bytes of an answer in an error
)

// Poster posts to one receiver. One goroutine at a time may use it.
type Poster struct {
	cfg    Config
	client http.Client
	url    string
	shown  string // without the query
	packed bytes.Buffer
	gzip   *gzip.Writer
}

// New returns a Poster. It reads the files once, to find mistakes at the start. The error is a *metric.FlagError that
// names the setting.
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
	p.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // no error: the level is valid
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

// dialTLS connects with the present content of the certificate files.
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

// Post sends a payload. It returns the receiver's answer, at most 64 KiB of it, if that is a 2xx. Other
// answers are errors of the kinds of package sink, wrapped around a *Status.
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

// request returns the request for a payload.
func (p *Poster) request(ctx context.Context, payload []byte) (*http.Request, error) {
	header, err := p.header()
	if err != nil {
		return nil, err
	}
	if !p.cfg.Plain {
		p.packed.Reset()
		p.gzip.Reset(&p.packed)
		_, _ = p.gzip.Write(payload) // a bytes.Buffer takes everything
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

// cause removes the address from an error of the client, because failed adds it.
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

// Status is an answer other than 2xx.
type Status struct {
	Code     int
	Answer   []byte
	Location string // of a redirect
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

// Words returns the first line of an answer in plain ASCII, shortened.
func Words(answer []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(answer), []byte("\n"))
	if len(line) > maxShown {
		line = line[:maxShown]
	}
	quoted := strconv.QuoteToASCII(string(line))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// kind wraps err in the kind of error that the status means.
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
