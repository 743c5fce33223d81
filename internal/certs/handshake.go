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

// The limits of handshakes.
const (
	// maxHandshakes is the maximum number of handshakes of a listener at the same time. The number is smaller if the
	// process may open few files.
	maxHandshakes    = 256
	handshakeTimeout = 10 * time.Second
	// writeTimeout limits each write. After the handshake a listener writes only answers to changes of keys. A
	// client that never reads these answers must not block the listener.
	writeTimeout = 10 * time.Second
)

// Outcome says how a handshake ended.
type Outcome uint8

// The outcomes.
const (
	Done           Outcome = iota
	Failed                 // the client does not speak TLS, or not this version, or refused the certificate
	Left                   // the client left before its first byte, for example a check of a load balancer
	Slow                   // the handshake took too long, or the listener ended
	Crowded                // the handshake was the oldest one when there were too many
	NoCertificate          // the client showed no certificate
	BadCertificate         // its certificate is expired, or not from an authority in ClientCA
	OtherName              // no name in the certificate is allowed
)

// Handshakes limits the handshakes of a listener. At the limit, a new handshake ends the oldest one. A
// client needs only milliseconds, so silent clients do not keep others out.
type Handshakes struct {
	max     int
	timeout time.Duration

	mu      sync.Mutex
	running *list.List // of context.CancelCauseFunc, oldest first
}

// Greeted returns the number of connections of a listener that may be in a handshake, or closing after one. A handshake
// that was ended for another one needs a moment to close.
func Greeted() int { return descriptors.Share(2 * maxHandshakes) }

// NewHandshakes returns the limit of a listener.
func NewHandshakes() *Handshakes {
	return &Handshakes{max: Greeted() / 2, timeout: handshakeTimeout, running: list.New()}
}

var (
	errSlow    = errors.New("the handshake took too long")
	errCrowded = errors.New("another handshake needed the place")
)

// Accept performs the handshake on a new connection, until ctx ends. It uses no deadline of the connection.
// If the outcome is not Done, the caller closes the connection.
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
	h.running.Remove(place) // has no effect if enter has already removed the handshake
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

// plain is the connection below TLS. Its writes have a short timeout.
type plain struct {
	net.Conn
	used  bool // Read has returned a byte
	ended bool // Read has returned the end
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

// strict is a TLS connection that must end with the end message of TLS. Anyone on the path can end the
// connection below TLS, and so cut the data. crypto/tls tolerates such an end between two records.
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
