package graphite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/metric"
)

// TLS configures which receiver to trust and how to authenticate to it. The files are read at each
// connect, so new ones need neither restart nor reload.
type TLS struct {
	// CA is a PEM file of trusted certificate authorities. Empty means the system's.
	CA string
	// Cert and Key are PEM files with the client certificate, including its chain, and its key, for a
	// receiver that asks for one. Set both or none.
	Cert, Key string
	// ServerName is the name that the receiver's certificate must have. Empty means Addr's host.
	ServerName string
	// Insecure accepts any certificate, and so any receiver.
	Insecure bool
}

// maxPEM limits the size of a certificate file. Debian's authorities take 220 kB.
const maxPEM = 16 << 20

// config reads the files. Its error begins with the name of a setting.
func (t *TLS) config(addr string) (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(addr)
	host, _, _ = strings.Cut(host, "%") // certificates contain no zone
	c := &tls.Config{
		ServerName:                  host,
		InsecureSkipVerify:          t.Insecure,
		DynamicRecordSizingDisabled: true, // records of full size from the start: nothing waits for the first bytes
	}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		text, err := safefile.ReadFile(t.CA, maxPEM)
		if err != nil {
			return nil, metric.FlagErrorf("ca", nil, "%w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, metric.FlagErrorf("ca", nil, "%s has no certificate in PEM", t.CA)
		}
	}
	switch {
	case t.Cert == "" && t.Key == "":
		return c, nil
	case t.Cert == "":
		return nil, metric.FlagErrorf("key", nil, "needs cert too")
	case t.Key == "":
		return nil, metric.FlagErrorf("cert", nil, "needs key too")
	}
	cert, err := safefile.ReadFile(t.Cert, maxPEM)
	if err != nil {
		return nil, metric.FlagErrorf("cert", nil, "%w", err)
	}
	key, err := safefile.ReadFile(t.Key, maxPEM)
	if err != nil {
		return nil, metric.FlagErrorf("key", nil, "%w", err)
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, metric.FlagErrorf("cert", nil, "%w", err)
	}
	c.Certificates = []tls.Certificate{own}
	return c, nil
}

// link is a connection to the receiver, with or without TLS.
type link struct {
	*net.TCPConn
	tls  *tls.Conn // nil without TLS
	held *held     // collects what tls writes
}

// held is the connection below TLS. After the handshake it keeps the written bytes, and the
// delivery sends them. A write to a tls.Conn that times out could not be continued.
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

// secure does the TLS handshake.
func (l *link) secure(ctx context.Context, c *tls.Config) error {
	l.held = &held{Conn: l.TCPConn}
	l.tls = tls.Client(l.held, c)
	if err := l.tls.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("begin tls: %w", err)
	}
	l.held.holding = true
	return nil
}

// seal returns payload encrypted. If it is the last one, the TLS close message follows it.
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

// Read reads from the receiver until the connection ends. With TLS it reads to the end of TCP,
// because the end of TLS does not confirm that the receiver read everything.
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

// Close closes the connection, after a TLS close message if there is TLS.
func (l *link) Close() error {
	if l.tls == nil {
		return l.TCPConn.Close()
	}
	l.held.holding = false
	return l.tls.Close()
}
