package certs

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/descriptors"
)

// Limits for TLS handshakes.
const (
	// maxHandshakes is the maximum number of concurrent handshakes of a listener. The limit is lower if the process has
	// a low limit of open files.
	maxHandshakes    = 256
	handshakeTimeout = 10 * time.Second
	// writeTimeout limits each write, because a client may never read.
	writeTimeout = 10 * time.Second
)

// Outcome is the result of a handshake.
type Outcome uint8

// The possible outcomes of a handshake.
const (
	Done           Outcome = iota
	Failed                 // the client does not speak TLS 1.2 or newer, or it refused the server's certificate
	Left                   // the client closed the connection before it sent a byte, for example for a health check
	Slow                   // the handshake took too long, or the listener was closed
	Crowded                // too many handshakes were running, and this handshake was the oldest
	NoCertificate          // the client sent no certificate
	BadCertificate         // the client's certificate is expired, or no authority in ClientCA issued it
	OtherName              // no name in the client's certificate is allowed
)

// Handshakes limits the number of handshakes of a listener. At the limit, a new handshake cancels
// the oldest handshake. A normal handshake needs only milliseconds, so clients that send nothing do
// not lock out other clients.
type Handshakes struct {
	max     int
	timeout time.Duration

	mu      sync.Mutex
	running *list.List // elements are of type context.CancelCauseFunc, oldest first
}

// Greeted returns the maximum number of connections of a listener that are not admitted yet: their handshake runs, or
// it has failed and they are being closed. This maximum is twice the limit for handshakes, because a canceled handshake
// needs a moment to close its connection.
func Greeted() int { return descriptors.Share(2 * maxHandshakes) }

// NewHandshakes returns the limiter for one listener.
func NewHandshakes() *Handshakes {
	return &Handshakes{max: Greeted() / 2, timeout: handshakeTimeout, running: list.New()}
}

var (
	errSlow    = errors.New("the handshake took too long")
	errCrowded = errors.New("too many handshakes run at the same time")
)

// Accept performs the handshake on a new connection. If ctx is canceled, it gives up, and the outcome is Slow. It sets
// no deadline on the connection. If the outcome is not Done, the caller must close the connection.
func (h *Handshakes) Accept(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, Outcome) {
	under := &plain{Conn: conn}
	encrypted := tls.Server(under, config)
	ctx, done := context.WithTimeoutCause(ctx, h.timeout, errSlow)
	defer done()
	ctx, end := context.WithCancelCause(ctx)
	place := h.enter(end)
	err := encrypted.HandshakeContext(ctx)
	h.leave(place)
	if err == nil {
		return &strict{encrypted, under}, Done
	}
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return nil, outcomeOf(cause)
	case !under.used:
		return nil, Left
	}
	return nil, outcomeOf(err)
}

func (h *Handshakes) enter(end context.CancelCauseFunc) *list.Element {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running.Len() >= h.max {
		endOldest := h.running.Remove(h.running.Front()).(context.CancelCauseFunc)
		endOldest(errCrowded)
	}
	return h.running.PushBack(end)
}

func (h *Handshakes) leave(place *list.Element) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running.Remove(place) // has no effect if the method enter has already removed the handshake
}

// Running returns the number of unfinished handshakes.
func (h *Handshakes) Running() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running.Len()
}

func outcomeOf(err error) Outcome {
	var bad *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errCrowded):
		return Crowded
	case errors.Is(err, errSlow), errors.Is(err, context.Canceled):
		return Slow
	case errors.Is(err, errNoCertificate):
		return NoCertificate
	case errors.Is(err, errOtherName):
		return OtherName
	case errors.As(err, &bad):
		return BadCertificate
	}
	return Failed
}

// plain is the TCP connection under a TLS connection. Its writes have a short timeout.
type plain struct {
	net.Conn
	used  bool // Read has returned at least one byte
	ended bool // Read has returned io.EOF
}

func (p *plain) Read(b []byte) (n int, err error) {
	n, err = p.Conn.Read(b)
	p.used = p.used || n > 0
	p.ended = p.ended || errors.Is(err, io.EOF)
	return n, err
}

func (p *plain) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// strict is a TLS connection that must end with TLS's close_notify message. An attacker on the
// network can close the TCP connection early to truncate the data. crypto/tls does not report this
// if the connection ends between two TLS records.
type strict struct {
	*tls.Conn
	under *plain
}

func (s *strict) Read(b []byte) (n int, err error) {
	n, err = s.Conn.Read(b)
	if errors.Is(err, io.EOF) && s.under.ended {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
