// Package certs reads certificates, and lets listeners speak TLS.
//
//	config, err := (&certs.Server{Cert: "statsd.pem", Key: "statsd.key", ClientCA: "clients.pem"}).Config()
//	handshakes := certs.NewHandshakes()
//	conn, outcome := handshakes.Accept(ctx, accepted, config)
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// maxPEM is the maximum size of a certificate file. Debian's file of all public authorities has 220
// kB.
const maxPEM = 16 << 20

// Names of the settings in an Error.
const (
	CertSetting     = "cert"
	KeySetting      = "key"
	ClientCASetting = "client-ca"
	NameSetting     = "allow-name"
)

// Error is an error in one setting.
type Error struct {
	Setting string
	Err     error
}

func (e *Error) Error() string { return e.Setting + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Pair reads a certificate, its chain, and its private key, from files in PEM format. The error is an
// *Error.
func Pair(cert, key string) (*tls.Certificate, error) {
	switch {
	case cert == "":
		return nil, &Error{KeySetting, fmt.Errorf("needs %s too", CertSetting)}
	case key == "":
		return nil, &Error{CertSetting, fmt.Errorf("needs %s too", KeySetting)}
	}
	public, err := safefile.ReadFile(cert, maxPEM)
	if err != nil {
		return nil, &Error{CertSetting, err}
	}
	secret, err := safefile.ReadFile(key, maxPEM)
	if err != nil {
		return nil, &Error{KeySetting, err}
	}
	pair, err := tls.X509KeyPair(public, secret)
	if err != nil {
		return nil, &Error{CertSetting, fmt.Errorf("%w (certificate %s with key %s)", err, cert, key)}
	}
	return &pair, nil
}

// Pool reads the certificates of authorities from a file in PEM format.
func Pool(path string) (*x509.CertPool, error) {
	text, err := safefile.ReadFile(path, maxPEM)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return pool, nil
}
