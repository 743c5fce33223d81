// Package httpgate serves HTTP through a gate: to a few clients at a time, none of
// which keeps the others waiting by being slow or silent.
//
//	s, err := httpgate.Listen(httpgate.Config{Addr: "127.0.0.1:8125", Handler: handler, AnswerTimeout: 10 * time.Second})
//	err = s.Run(ctx) // serves until ctx ends
package httpgate

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
)

// How long a client may take for the header of its request, and for all of it.
const (
	HeaderTimeout = 3 * time.Second
	ReadTimeout   = 4 * time.Second
)

const (
	maxHeader = 8 << 10 // bytes
	// stopTimeout is how long answers may go on at the end.
	stopTimeout = 500 * time.Millisecond
)

// Config says where and what a Server serves.
type Config struct {
	Addr    string // "host:port"; port 0 picks a free one
	Handler http.Handler
	// AnswerTimeout is how long a client may take to read its answer.
	AnswerTimeout time.Duration
	// ErrorLog gets what goes wrong inside, such as a panic while answering. nil drops it.
	ErrorLog *log.Logger
}

// Server is a bound server. Make it with Listen. Addr and Answers are those of its gate.
type Server struct {
	*gate.Gate
	http http.Server
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
	s := &Server{g, http.Server{
		Handler:           cfg.Handler,
		ReadHeaderTimeout: HeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      cfg.AnswerTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          cfg.ErrorLog,
	}}
	// A connection that is kept open for a next request takes another's place.
	s.http.SetKeepAlivesEnabled(false)
	g.Watch(&s.http)
	return s, nil
}

// Run serves until ctx ends, gives answers under way a moment to finish, and returns
// when everything it started has ended: nil, unless it could not go on serving.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.Gate) }()
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

// Close lets go of the address, and cuts off what is being answered.
func (s *Server) Close() error { return errors.Join(s.http.Close(), s.Gate.Close()) }
