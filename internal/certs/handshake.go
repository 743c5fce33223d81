package certs

import (
	"container/list"
	"crypto/tls"
	"errors"
	"os"
	"sync"
	"time"
)

// The limits of handshakes.
const (
	maxHandshakes    = 256
	handshakeTimeout = 10 * time.Second
)

// Outcome says how a handshake ended.
type Outcome uint8

// The outcomes.
const (
	Done           Outcome = iota
	Failed                 // the client does not speak TLS, or not this version, or refused the certificate, or left
	Slow                   // it took too long
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
	running *list.List // of *handshake, oldest first
}

type handshake struct {
	conn    *tls.Conn
	crowded bool
}

// NewHandshakes returns the limit of a listener.
func NewHandshakes() *Handshakes {
	return &Handshakes{max: maxHandshakes, timeout: handshakeTimeout, running: list.New()}
}

// Do performs the handshake of a new connection. It uses the deadlines of the connection and clears
// them. After an outcome other than Done, the caller closes the connection.
func (h *Handshakes) Do(conn *tls.Conn) Outcome {
	one := &handshake{conn: conn}
	place := h.enter(one)
	err := conn.Handshake()
	crowded := h.leave(place)
	switch {
	case err == nil:
		_ = conn.SetDeadline(time.Time{}) // it fails only on a closed connection, as will the next read
		return Done
	case crowded:
		return Crowded
	}
	return outcomeOf(err)
}

func (h *Handshakes) enter(one *handshake) *list.Element {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running.Len() >= h.max {
		oldest := h.running.Remove(h.running.Front()).(*handshake)
		oldest.crowded = true
		_ = oldest.conn.SetDeadline(time.Unix(1, 0))
	}
	_ = one.conn.SetDeadline(time.Now().Add(h.timeout))
	return h.running.PushBack(one)
}

// leave reports whether the handshake was ended for another one.
func (h *Handshakes) leave(place *list.Element) (crowded bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running.Remove(place) // does nothing if enter has removed it
	return place.Value.(*handshake).crowded
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
	case errors.Is(err, os.ErrDeadlineExceeded):
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
