// Package secure configures TLS from a sink to its receiver.
package secure

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/metric"
)

// TLS configures which receiver to trust and how to authenticate to it. The files are read at each connect, so new
// files need neither restart nor reload.
type TLS struct {
	// CA is a PEM file of trusted certificate authorities. Empty means the system's.
	CA string
	// Cert and Key are PEM files with the client certificate, including its chain, and its key, for a
	// receiver that asks for one. Set both or none.
	Cert, Key string
	// ServerName is the name that the receiver's certificate must have. Empty means the host of the address.
	ServerName string
	// Insecure accepts any certificate, and so any receiver.
	Insecure bool
}

// Client reads the files and returns the settings of a connection to addr, "host:port". The error is
// a *metric.FlagError that names the setting.
func (t *TLS) Client(addr string) (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(addr)
	host, _, _ = strings.Cut(host, "%") // certificates do not contain zones
	c := &tls.Config{
		ServerName:                  host,
		InsecureSkipVerify:          t.Insecure,
		DynamicRecordSizingDisabled: true, // records have full size from the start: no reader waits for the first bytes
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
