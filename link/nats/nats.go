// Package nats connects edges and owners over NATS JetStream: nats://H1,H2,H3.
//
// # Layout
//
// With the prefix "sd", and P partitions:
//
//	SD_P_0 ...   streams of messages, subject sd.p.0 ...; a full one refuses messages
//	SD_W         commits: subject sd.w.PARTITION.PLACE, the newest of each; sd.x.* has parts of large ones
//	sd_members   key-value bucket: owners that are alive
//	sd_cluster   key-value bucket: the settings
//
// Windows share a ring of places. A commit names its predecessor, and the server publishes the commit only
// if the last commit of the partition, in any place, is this predecessor. So one of several owners wins,
// and the others are fenced. This needs no lease, no durable consumer and no acknowledgement.
//
// # Reading
//
// An owner reads with a consumer in memory, which can vanish at any time. The owner checks the numbers of
// the messages. After some seconds of silence, it asks for the last number of the stream. If it has missed
// a message, it makes another consumer.
package nats

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
)

// Config is the configuration of a connection to a NATS cluster.
type Config struct {
	// Servers are "host:port", or "host" for port 4222. One server is enough: it names the others.
	Servers []string
	// Name is the name in the server's list of connections.
	Name string
	// Creds is a file with a JWT and a seed. NKey is a file with a seed. Without authentication both are
	// empty.
	Creds, NKey string
	// CA is a PEM file with the authorities to trust. Cert and Key are PEM files of a client certificate.
	// TLS is used if one of these three is set, if TLS is true, or if the server wants it.
	CA, Cert, Key string
	TLS           bool
	// Prefix names all subjects, streams and buckets. Empty means "sd".
	Prefix string
	// Replicas and MaxBytes matter when the first owner makes the streams. Zero means 3 and 64 GiB, for all
	// messages together.
	Replicas int
	MaxBytes int64
	// Tell receives messages for operators about the connection. It may be nil.
	Tell func(error)
}

const (
	defaultPrefix   = "sd"
	defaultReplicas = 3
	defaultMaxBytes = 64 << 30

	// requestTimeout is how long a server may take. A stream elects a new leader in some seconds.
	requestTimeout = 5 * time.Second
	// connectPatience is how long a call waits for a connection before it fails.
	connectPatience = 2 * time.Second
	// refusalLasts is how long after an error about a missing permission a request without an answer may have the same
	// cause.
	refusalLasts = 2 * requestTimeout
)

// maxPrefix is the longest Prefix. With it the names of streams stay short.
const maxPrefix = 32

// Validate returns an error if the Prefix cannot be part of subjects, streams and buckets, or if a file cannot be
// used.
func (c Config) Validate() error {
	_, err := c.options()
	return err
}

// options returns the options of a valid configuration.
func (c Config) options() ([]natsgo.Option, error) {
	if len(c.Prefix) > maxPrefix || strings.ContainsFunc(c.Prefix, func(r rune) bool { return token(string(r)) != string(r) }) {
		return nil, fmt.Errorf("prefix: must be at most %d characters of a-z A-Z 0-9 _ -, not %q", maxPrefix, c.Prefix)
	}
	return c.access()
}

func (c Config) urls() string { return "nats://" + strings.Join(c.Servers, ",nats://") }

// access returns the options of authentication and TLS. Each connect reads the files again, except the file
// of an nkey.
func (c Config) access() (options []natsgo.Option, err error) {
	if c.Creds != "" {
		file, err := os.Open(c.Creds)
		if err != nil {
			return nil, err
		}
		_ = file.Close()
		options = append(options, natsgo.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		nkey, err := natsgo.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", c.NKey, err)
		}
		options = append(options, nkey)
	}
	if c.TLS || c.CA != "" || c.Cert != "" {
		options = append(options, natsgo.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if c.CA != "" {
		options = append(options, natsgo.RootCAs(c.CA))
	}
	if c.Cert != "" || c.Key != "" {
		options = append(options, natsgo.ClientCert(c.Cert, c.Key))
	}
	var probe natsgo.Options
	for _, o := range options {
		if err := o(&probe); err != nil {
			return nil, err
		}
	}
	return options, nil
}
