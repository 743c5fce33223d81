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
	// maxHandshakes is how many handshakes of a listener run at the same time; fewer where few files may be
	// open.
	maxHandshakes    = 256
	handshakeTimeout = 10 * time.Second
	// writeTimeout limits each write. After the handshake a listener writes only answers to changes of keys:
	// a client that never reads them must not hold it up.
	writeTimeout = 10 * time.Second
)

// Outcome says how a handshake ended.
type Outcome uint8

// The outcomes.
const (
	Done           Outcome = iota
	Failed                 // the client does not speak TLS, or not this version, or refused the certificate
	Left                   // the client left before its first byte, as a check of a load balancer does
	Slow                   // it took too long, or until the listener ended
	Crowded                // it had run longest when there were too many
	NoCertificate          // the client showed no certificate
	BadCertificate         // its certificate is expired, or not from an authority in ClientCA
	OtherName              // no name in it is allowed
)

// Handshakes limits the handshakes of a listener. At the limit, a new one ends the oldest one: a client
// needs milliseconds, so those who stay silent do not keep others out.
type Handshakes struct {
	max     int
	timeout time.Duration

	mu      sync.Mutex
	running *list.List // of context.CancelCauseFunc, oldest first
}

// Greeted returns how many connections of a listener may be in a handshake, or be ending after one. Those
// that were ended for others need a moment.
func Greeted() int { return descriptors.Share(2 * maxHandshakes) }

// NewHandshakes returns the limit of a listener.
func NewHandshakes() *Handshakes {
	return &Handshakes{max: Greeted() / 2, timeout: handshakeTimeout, running: list.New()}
}

var (
	errSlow    = errors.New("the handshake took too long")
	errCrowded = errors.New("another handshake needed the place")
)

// Accept performs the handshake on a new connection, until ctx ends. It uses no deadline of the
// connection. After an outcome other than Done, the caller closes the connection.
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
	h.running.Remove(place) // does nothing if enter has removed it
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

// plain is the connection below TLS. Its writes do not wait for long.
type plain struct {
	net.Conn
	used  bool // Read has seen a byte
	ended bool // and the end
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

// strict is a TLS connection whose end must be one of TLS. Everybody on the way can end the connection
// below it, and so cut what is sent. crypto/tls tolerates that between two records.
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
