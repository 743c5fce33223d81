// Package httpgate contains the HTTP server that all parts of the daemon use. Each listener has the same protections:
//
//   - a limit on the number of connections; silent connections are closed in favour of new clients (package gate);
//   - limits of time and size for the header, the body and the answer;
//   - one request per connection;
//   - with a certificate, TLS 1.2 or newer, without HTTP/2;
//   - on a loopback address, no answer to requests for another host (DNS rebinding);
//   - response headers that forbid browsers to guess the content type, to cache the answer, to load resources, and to
//     show the page in a frame.
//
// Example:
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

// Time limits for the header of a request, and for the whole request.
const (
	HeaderTimeout = 3 * time.Second
	ReadTimeout   = 4 * time.Second
)

const (
	maxHeader = 8 << 10 // in bytes; net/http adds 4 KiB to this limit
	maxBody   = 1 << 20 // in bytes
	// stopTimeout is how long unfinished answers may continue after Run's ctx has ended.
	stopTimeout = 500 * time.Millisecond
	// policy is the default Content-Security-Policy. Handlers can set another policy.
	policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// Config configures a Server.
type Config struct {
	Addr    string // "host:port"; port 0 selects a free port
	Handler http.Handler
	// AnswerTimeout is how long a client may take to read its answer.
	AnswerTimeout time.Duration
	// ErrorLog receives internal errors, such as a panic in the Handler. If it is nil, these errors
	// are not logged.
	ErrorLog *log.Logger
	// Flag is the command-line flag that sets Addr. It is named in the error for requests to another
	// host.
	Flag string
	// Certificate makes the server speak TLS. If it is nil, the server speaks plain HTTP.
	Certificate *Certificate
}

// Server is an HTTP server that is bound to its address. Make it with Listen.
type Server struct {
	*gate.Gate
	http        http.Server
	certificate *Certificate
}

// Listen binds the address. Run serves requests. If Run is never called, call Close.
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
	// An idle connection that waits for another request would use up a slot of the Gate.
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

// Run serves until ctx ends, which also ends the contexts of running requests. After ctx has ended,
// unfinished answers may continue for stopTimeout. Run returns when all its goroutines have ended.
// It returns nil, unless serving failed.
func (s *Server) Run(ctx context.Context) error {
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	var err error
	served := make(chan struct{})
	go func() {
		defer close(served)
		err = s.serve()
	}()
	select {
	case <-served:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.Background(), stopTimeout)
		_ = s.http.Shutdown(grace)
		cancel()
	}
	_ = s.Close()
	<-served // no connection is accepted after this, so Wait waits for all of them
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

// Stay protects the connection of a request: the server never closes this connection in favour of another client. Use
// Stay for answers that take a long time by design. At most half of the connections can be protected. Above this
// limit Stay returns false, and the caller should refuse the request.
func Stay(r *http.Request) bool { return gate.Stay(r.Context()) }

// Close frees the address and closes all connections, even during an answer.
func (s *Server) Close() error {
	s.Cut()
	return errors.Join(s.http.Close(), s.Gate.Close())
}

// Extend sets the deadline of the answer to the request r: the current time plus d plus AnswerTimeout. Before this
// deadline, the context of r ends only if the client closes the connection, or if the context of Run ends. w and r are
// the arguments of the Handler.
func Extend(w http.ResponseWriter, r *http.Request, d time.Duration) {
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		d += server.WriteTimeout
	}
	until := time.Now().Add(d)
	c := http.NewResponseController(w)
	// Without a new read deadline, the read timeout would end the context. An error means that the
	// connection is closed.
	_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until)
}
