// Package nats connects edges and owners over NATS JetStream. Its addresses are nats://H1,H2,H3.
//
// # Layout
//
// These are the streams and buckets with the prefix "sd", and P partitions:
//
//	SD_P_0 ...   streams of messages, with the subjects sd.p.0 ...; full streams refuse messages
//	SD_W         stream of commits, with the subjects sd.w.PARTITION.PLACE; it keeps the last commit of each place;
//	             sd.x.* has the parts of divided records
//	sd_members   key-value bucket: owners that are alive
//	sd_cluster   key-value bucket: the settings of the cluster
//
// A place is the number of a window modulo the number of windows that are kept. A commit names its predecessor. The
// server accepts the commit only if this predecessor is still the last commit of the partition, in any place. If
// several owners commit at the same time, one of them succeeds, and the others are fenced. This needs no lease, no
// durable consumer and no acknowledgement.
//
// # Reading
//
// An owner reads with a consumer in the server's memory, which can disappear at any time. So the owner checks the
// numbers of the messages. When no messages arrive for some seconds, it asks for the last number in the stream. If it
// has missed a message, it creates a new consumer.
package nats

import (
	"fmt"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
)

// Config is the configuration of a connection to a NATS cluster.
type Config struct {
	// Servers are addresses of the form "host:port", or "host" for port 4222. One of them is enough,
	// because a server sends the addresses of the others.
	Servers []string
	// Name is shown in the server's list of connections.
	Name string
	// Creds is a file with a JWT and a seed. NKey is a file with a seed. Both are empty if the servers
	// need no authentication.
	Creds, NKey string
	// CA is a PEM file with trusted certificate authorities. Cert and Key are PEM files with a client
	// certificate and its key. TLS is used if one of the three files is set, if TLS is true, or if the
	// server requires it.
	CA, Cert, Key string
	TLS           bool
	// Prefix is the prefix of the names of all subjects, streams and buckets. Empty means "sd".
	Prefix string
	// Replicas is the number of copies of each stream. MaxBytes is the total size of all messages.
	// Both fields are used only when the first owner creates the streams. Zero means 3 copies and
	// 64 GiB.
	Replicas int
	MaxBytes int64
	// Tell receives messages for operators about the connection. It may be nil.
	Tell func(error)
}

const (
	defaultPrefix   = "sd"
	defaultReplicas = 3
	defaultMaxBytes = 64 << 30

	// requestTimeout is the maximum time for a server's answer. It is long enough for the election of
	// a leader of a stream, which takes some seconds.
	requestTimeout = 5 * time.Second
	// connectPatience is how long a call waits for a connection before it returns an error.
	connectPatience = 2 * time.Second
	// refusalLasts is how long an error about a missing permission is remembered. During this time, a request that gets
	// no answer returns an error that also contains the remembered error as the possible cause.
	refusalLasts = 2 * requestTimeout
)

// maxPrefix is the maximum length of Prefix. It keeps the names of streams short.
const maxPrefix = 32

// Validate returns an error if Prefix cannot be used in the names of subjects, streams and buckets,
// or if a file cannot be read.
func (c Config) Validate() error {
	_, err := c.options()
	return err
}

// options checks the configuration and returns the options of a connection.
func (c Config) options() ([]natsgo.Option, error) {
	if len(c.Prefix) > maxPrefix || strings.ContainsFunc(c.Prefix, func(r rune) bool { return token(string(r)) != string(r) }) {
		return nil, fmt.Errorf("prefix: must be at most %d characters of a-z A-Z 0-9 _ -, not %q", maxPrefix, c.Prefix)
	}
	return c.access()
}

func (c Config) urls() string { return "nats://" + strings.Join(c.Servers, ",nats://") }
