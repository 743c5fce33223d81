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

// TLS says who a receiver behind TLS must be, and who we are to it. Its files are read
// at each connect, so that new ones need neither restart nor reload.
type TLS struct {
	// CA is a PEM file of the authorities that may vouch for the receiver; empty
	// for those that the system trusts.
	CA string
	// Cert and Key are PEM files: our own certificate, with its chain, and its key, for a
	// receiver that asks for one. Both or none.
	Cert, Key string
	// ServerName is what the receiver's certificate must be for; empty for Addr's host.
	ServerName string
	// Insecure takes any certificate, and so any receiver.
	Insecure bool
}

// maxPEM bounds a file of certificates; the authorities of a Debian take 220 kB.
const maxPEM = 16 << 20

// config reads the files. Its error begins with the name of a setting.
func (t *TLS) config(addr string) (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(addr)
	host, _, _ = strings.Cut(host, "%") // no certificate has a zone
	c := &tls.Config{
		ServerName:                  host,
		InsecureSkipVerify:          t.Insecure,
		DynamicRecordSizingDisabled: true, // nobody waits for the first bytes
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

// link is a connection to the receiver, with TLS or without.
type link struct {
	*net.TCPConn
	tls  *tls.Conn // nil without
	held *held     // what tls writes
}

// held is the connection below TLS. After the handshake it keeps what is written, for the
// delivery to send: a write to a tls.Conn that runs out of time cannot be gone on with.
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

// secure begins TLS.
func (l *link) secure(ctx context.Context, c *tls.Config) error {
	l.held = &held{Conn: l.TCPConn}
	l.tls = tls.Client(l.held, c)
	if err := l.tls.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("begin tls: %w", err)
	}
	l.held.holding = true
	return nil
}

// seal returns payload as it goes over the network, and behind it the end of what we
// have to say if it is the last.
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

// Read reads what the receiver says, until its end. With TLS that is the end of TCP, which
// says that the receiver has read everything: the end of TLS does not.
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

// Close says farewell, where TLS does.
func (l *link) Close() error {
	if l.tls == nil {
		return l.TCPConn.Close()
	}
	l.held.holding = false
	return l.tls.Close()
}
