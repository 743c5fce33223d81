// Package secure configures TLS from a sink to its receiver.
package secure

import (
	"crypto/tls"
	"crypto/x509"
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
	// ServerName is the name that the receiver's certificate must have. Empty means the host of the address.
	ServerName string
	// Insecure accepts any certificate, and so any receiver.
	Insecure bool
}

// maxPEM limits the size of a certificate file. Debian's authorities take 220 kB.
const maxPEM = 16 << 20

// Client reads the files and returns the settings of a connection to addr, "host:port". The error is
// a *metric.FlagError that names the setting.
func (t *TLS) Client(addr string) (*tls.Config, error) {
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
