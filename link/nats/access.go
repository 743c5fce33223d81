package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/safefile"
)

// access returns the options for authentication and TLS. It reads all files, and returns an error if a file cannot be
// used. The files are read again each time a connection is made, so that renewed files need no restart. Only the file
// NKey must keep its key, because the public key is a fixed option of a connection.
//
// The library nats.go gets no path, because it would wait for ever at a FIFO.
func (c Config) access() (options []natsgo.Option, err error) {
	if c.Creds != "" {
		file := secretFile{"creds", c.Creds}
		key, err := file.key() // without a key, no connection would succeed
		if err != nil {
			return nil, err
		}
		key.Wipe()
		options = append(options, natsgo.UserJWT(file.jwt, file.sign))
	}
	if c.NKey != "" {
		file := secretFile{"nkey", c.NKey}
		user, err := file.user()
		if err != nil {
			return nil, err
		}
		options = append(options, natsgo.Nkey(user, file.sign))
	}
	if c.TLS || c.CA != "" || c.Cert != "" || c.Key != "" {
		options = append(options, natsgo.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	var own natsgo.TLSCertHandler
	if c.Cert != "" || c.Key != "" {
		own = c.certificate
	}
	var roots natsgo.RootCAsHandler
	if c.CA != "" {
		roots = c.authorities
	}
	if own != nil || roots != nil {
		options = append(options, natsgo.ClientTLSConfig(own, roots))
	}
	var probe natsgo.Options
	for _, o := range options {
		if err := o(&probe); err != nil {
			return nil, err
		}
	}
	return options, nil
}

// certificate reads the client certificate.
func (c Config) certificate() (tls.Certificate, error) {
	pair, err := certs.Pair(c.Cert, c.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return *pair, nil
}

// authorities reads the trusted certificate authorities.
func (c Config) authorities() (*x509.CertPool, error) {
	pool, err := certs.Pool(c.CA)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	return pool, nil
}

// maxSecret is the maximum size of a file with credentials, in bytes. A JWT with many permissions has some kB.
const maxSecret = 1 << 20

// secretFile is a file with a seed or with a JWT and a seed. The secrets do not stay in memory.
type secretFile struct {
	setting, path string // setting is the name of the setting for errors
}

func (f secretFile) read() ([]byte, error) {
	text, err := safefile.ReadFile(f.path, maxSecret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.setting, err)
	}
	return text, nil
}

// jwt returns the JWT in the file.
func (f secretFile) jwt() (string, error) {
	text, err := f.read()
	if err != nil {
		return "", err
	}
	defer clear(text)
	return nkeys.ParseDecoratedJWT(text)
}

// key returns the key of the seed in the file. The caller must wipe the key.
func (f secretFile) key() (nkeys.KeyPair, error) {
	text, err := f.read()
	if err != nil {
		return nil, err
	}
	defer clear(text)
	key, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return nil, f.fault(err)
	}
	return key, nil
}

func (f secretFile) fault(err error) error {
	return fmt.Errorf("%s: read %s: %w", f.setting, f.path, err)
}

// sign signs a server's nonce with the key in the file.
func (f secretFile) sign(nonce []byte) ([]byte, error) {
	key, err := f.key()
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	return key.Sign(nonce)
}

// user returns the public key of the user whose seed is in the file.
func (f secretFile) user() (string, error) {
	key, err := f.key()
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	public, err := key.PublicKey()
	if err == nil && !nkeys.IsValidPublicUserKey(public) {
		err = errors.New("the seed is not the seed of a user: make one with nk -gen user")
	}
	if err != nil {
		return "", f.fault(err)
	}
	return public, nil
}
