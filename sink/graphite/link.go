package graphite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
)

// link is a connection to the receiver, with or without TLS.
type link struct {
	*net.TCPConn
	tls  *tls.Conn // nil if the connection does not use TLS
	held *held     // collects the encrypted bytes that the field tls writes
}

// held is the TCP connection under a TLS connection. After the handshake, a write to held only
// stores the encrypted bytes, and the delivery sends the stored bytes later. So a write to the
// tls.Conn never times out. After a timeout, a tls.Conn refuses all further writes.
type held struct {
	net.Conn
	holding bool
	out     []byte
}

func (h *held) Write(b []byte) (int, error) {
	if !h.holding {
		return h.Conn.Write(b)
	}
	h.out = append(h.out, b...)
	return len(b), nil
}

// secure performs the TLS handshake.
func (l *link) secure(ctx context.Context, c *tls.Config) error {
	l.held = &held{Conn: l.TCPConn}
	l.tls = tls.Client(l.held, c)
	if err := l.tls.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("begin tls: %w", err)
	}
	l.held.holding = true
	return nil
}

// seal returns the encrypted payload. If the parameter last is true, it appends TLS's close_notify
// message.
func (l *link) seal(payload []byte, last bool) ([]byte, error) {
	_, err := l.tls.Write(payload)
	if err == nil && last {
		err = l.tls.CloseWrite()
	}
	sealed := l.held.out
	l.held.out = nil
	if err != nil {
		return nil, fmt.Errorf("write tls: %w", err)
	}
	return sealed, nil
}

// Read reads from the receiver until the TCP connection ends. The end of TLS alone does not confirm that the
// receiver has read everything.
func (l *link) Read(b []byte) (int, error) {
	if l.tls == nil {
		return l.TCPConn.Read(b)
	}
	n, err := l.tls.Read(b)
	if errors.Is(err, io.EOF) {
		_, err = io.Copy(io.Discard, l.TCPConn)
		if err == nil {
			err = io.EOF
		}
	}
	return n, err
}

// Close closes the connection. With TLS, it first sends a close_notify message.
func (l *link) Close() error {
	if l.tls == nil {
		return l.TCPConn.Close()
	}
	l.held.holding = false
	return l.tls.Close()
}
