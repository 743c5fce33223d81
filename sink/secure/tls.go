// Package secure configures TLS for the connection of a sink to its receiver.
package secure

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/metric"
)

// TLS configures which receiver is trusted, and how the daemon authenticates itself. The files are read at each
// connect, so that new files need neither a restart nor a reload.
type TLS struct {
	// CA is a PEM file with trusted certificate authorities. If it is empty, the authorities of the operating system
	// are used.
	CA string
	// Cert is a PEM file with the client certificate and its chain. Key is a PEM file with its private key. They are
	// for receivers that require a client certificate. Set both or neither.
	Cert, Key string
	// ServerName is the name that the receiver's certificate must contain. If it is empty, the host of the address
	// is used.
	ServerName string
	// Insecure accepts any certificate, and therefore any receiver.
	Insecure bool
}

// Client reads the files, and returns the TLS settings for a connection to addr, a "host:port". The error is a
// *metric.FlagError that names the setting.
func (t *TLS) Client(addr string) (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(addr)
	host, _, _ = strings.Cut(host, "%") // certificates do not contain IPv6 zones
	c := &tls.Config{
		ServerName:                  host,
		InsecureSkipVerify:          t.Insecure,
		DynamicRecordSizingDisabled: true, // small first records help only a reader that uses the first bytes early
	}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		pool, err := certs.Pool(t.CA)
		if err != nil {
			return nil, metric.FlagErrorf("ca", nil, "%w", err)
		}
		c.RootCAs = pool
	}
	if t.Cert == "" && t.Key == "" {
		return c, nil
	}
	own, err := certs.Pair(t.Cert, t.Key)
	if bad, ok := errors.AsType[*certs.Error](err); ok {
		return nil, metric.FlagErrorf(bad.Setting, nil, "%w", bad.Err)
	}
	c.Certificates = []tls.Certificate{*own}
	return c, nil
}
