// Package httpgate serves HTTP for the whole project. Each listener has the same protections:
//
//   - a gate: few connections at a time, and silent clients make room (package gate);
//   - limits of time and size for the header, the body and the answer;
//   - one request per connection;
//   - with a certificate, TLS 1.2 or newer, without HTTP/2;
//   - on a loopback address, no answer to requests for another host (DNS rebinding);
//   - headers that forbid browsers to guess the type, to cache, to load resources, and to frame the page.
//
// A Server is used like this:
//
//	s, err := httpgate.Listen(httpgate.Config{Addr: "127.0.0.1:8125", Handler: handler, AnswerTimeout: 10 * time.Second})
//	err = s.Run(ctx) // serves until ctx ends
package httpgate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
)

// The time limits for the header of a request, and for all of it.
const (
	HeaderTimeout = 3 * time.Second
	ReadTimeout   = 4 * time.Second
)

const (
	maxHeader = 8 << 10 // bytes; net/http allows 4 KiB more
	maxBody   = 1 << 20 // bytes
	// stopTimeout is how long answers may go on at the end.
	stopTimeout = 500 * time.Millisecond
	// policy is the Content-Security-Policy of answers whose handler sets no other.
	policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// Config configures a Server.
type Config struct {
	Addr    string // "host:port"; port 0 picks a free one
	Handler http.Handler
	// AnswerTimeout is how long a client may take to read its answer.
	AnswerTimeout time.Duration
	// ErrorLog receives internal errors, such as a panic in the Handler. nil drops them.
	ErrorLog *log.Logger
	// Flag is the command-line flag that sets Addr. Refusals name it.
	Flag string
	// Certificate makes the server speak TLS. nil: plain HTTP.
	Certificate *Certificate
}

// Server is a bound server. Make it with Listen.
type Server struct {
	*gate.Gate
	http        http.Server
	certificate *Certificate
}

// Listen binds the address. Run serves it; a Server that is not run must be closed.
func Listen(cfg Config) (*Server, error) {
	g, err := gate.Listen(cfg.Addr)
	if err != nil {
		return nil, err
	}
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = log.New(io.Discard, "", 0)
	}
	g.Tell = func(err error) { cfg.ErrorLog.Print(err) }
	s := &Server{Gate: g, certificate: cfg.Certificate, http: http.Server{
		Handler:           protected(g, cfg),
		ReadHeaderTimeout: HeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      cfg.AnswerTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          cfg.ErrorLog,
	}}
	if s.certificate != nil {
		s.secure()
	}
	// A connection that stays open for a next request would hold a place.
	s.http.SetKeepAlivesEnabled(false)
	g.Watch(&s.http)
	return s, nil
}

// protected adds the protections that need the request or the answer.
func protected(g *gate.Gate, cfg Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		if !g.Answers(r.Host) {
			http.Error(w, fmt.Sprintf("this address answers requests to localhost, not to %+.60q (see %s)", r.Host, cfg.Flag), http.StatusForbidden)
			return
		}
		if r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		cfg.Handler.ServeHTTP(w, r)
	})
}

// Run serves until ctx ends, and gives unfinished answers a moment. The contexts of their requests end
// with ctx. Run returns when everything it started has ended. It returns nil, unless serving failed.
func (s *Server) Run(ctx context.Context) error {
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.Background(), stopTimeout)
		_ = s.http.Shutdown(grace)
		cancel()
	}
	_ = s.Close()
	s.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) serve() error {
	if s.certificate != nil {
		return s.http.ServeTLS(s.Gate, "", "")
	}
	return s.http.Serve(s.Gate)
}

// Stay lets a request keep its place among the few connections, if its answer takes a long time by design. It returns
// false if too many requests stay already. The caller should then refuse the request.
func Stay(r *http.Request) bool { return gate.Stay(r.Context()) }

// Close frees the address, and cuts off unfinished answers.
func (s *Server) Close() error { return errors.Join(s.http.Close(), s.Gate.Close()) }

// Extend gives the answer to r time d more than the AnswerTimeout, from now on. Its context ends only
// when the client is gone. w and r are the arguments of the Handler.
func Extend(w http.ResponseWriter, r *http.Request, d time.Duration) {
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		d += server.WriteTimeout
	}
	until := time.Now().Add(d)
	c := http.NewResponseController(w)
	// Otherwise the read timeout would end the context. An error means that the connection is closed.
	_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until)
}
