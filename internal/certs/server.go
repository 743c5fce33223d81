package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/statsd-ops/statsd/internal/glob"
)

// Server is the certificate of a listener, and the rules for its clients.
type Server struct {
	// Cert is a PEM file with the listener's certificate and its chain. Key is a PEM file with the
	// private key.
	Cert, Key string
	// ClientCA is a PEM file with certificates of authorities. If ClientCA is set, each client must
	// send a certificate from one of these authorities.
	ClientCA string
	// Names are patterns. If Names is not empty, a name in the client's certificate must match one of
	// the patterns. The names of a certificate are its subject alternative names: hosts, addresses,
	// URIs and mail addresses.
	Names []glob.Glob
}

// Config reads the files and returns settings for TLS 1.2 and newer. The settings do not change
// when the files change: call Config again to use new files. The error is an *Error.
func (s *Server) Config() (*tls.Config, error) {
	pair, err := Pair(s.Cert, s.Key)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{*pair},
		// A resumed session would skip the check of the client's certificate against new settings.
		SessionTicketsDisabled: true,
	}
	if s.ClientCA == "" {
		if len(s.Names) > 0 {
			return nil, &Error{NameSetting, fmt.Errorf("needs %[1]s too: without %[1]s, clients send no certificate", ClientCASetting)}
		}
		return c, nil
	}
	if c.ClientCAs, err = Pool(s.ClientCA); err != nil {
		return nil, &Error{ClientCASetting, err}
	}
	// With VerifyClientCertIfGiven, crypto/tls accepts clients without a certificate. The method check
	// then refuses these clients with its own error, so that Accept can return NoCertificate.
	c.ClientAuth = tls.VerifyClientCertIfGiven
	c.VerifyConnection = s.check
	return c, nil
}

var (
	errNoCertificate = errors.New("the client sent no certificate")
	errOtherName     = errors.New("no name in the client's certificate is allowed")
)

// check verifies the client's certificate. crypto/tls calls it at the end of each handshake.
func (s *Server) check(state tls.ConnectionState) error {
	switch {
	case len(state.VerifiedChains) == 0:
		return errNoCertificate
	case len(s.Names) > 0 && !s.allows(state.PeerCertificates[0]):
		return errOtherName
	}
	return nil
}

func (s *Server) allows(c *x509.Certificate) bool {
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(s.Names, func(g glob.Glob) bool { return g.Match(name) })
	})
}
