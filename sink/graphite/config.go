package graphite

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/secure"
)

// Config configures a Sink: the receiver and the time limits.
type Config struct {
	// Addr is the receiver's "host:port", with brackets around an IPv6 address. It is required. The host is resolved
	// at each connect, and all its addresses are tried.
	Addr string

	// Prefix is added before every path, with a dot between them. Empty means no prefix.
	Prefix string

	// Pickle selects carbon's pickle protocol. The default is the plaintext protocol.
	Pickle bool

	// TLS configures TLS to the receiver. If it is nil, the Sink does not use TLS.
	TLS *secure.TLS

	// ConnectTimeout limits each connect: name resolution, all addresses and the TLS handshake together. Zero means
	// 5 s. With a shorter timeout, a dead receiver is reported sooner. A longer timeout allows for slow name
	// servers.
	ConnectTimeout time.Duration

	// Timeout limits each Send after the connect. Zero means 10 s. After a timeout Send returns an error, but the
	// connection stays open, and the next Send of the same payload continues on it. With a shorter Timeout, a slow
	// receiver is reported sooner, and nothing else changes.
	Timeout time.Duration

	// GiveUp is the maximum time for which the receiver may acknowledge no further byte of a payload. After this time
	// the connection is closed, and the payload is sent again on a new connection. Zero means 5 min. A shorter time
	// helps if another receiver with the same name can take the payload. With a longer time, a receiver that is only
	// slow gets fewer duplicates.
	GiveUp time.Duration

	// KeepOpen uses one connection for all sends. By default, each send has its own connection. KeepOpen saves the
	// connect for each send, but its confirmation is weaker: see the package comment.
	KeepOpen bool
}

const (
	defaultConnectTimeout = 5 * time.Second
	defaultTimeout        = 10 * time.Second
	defaultGiveUp         = 5 * time.Minute
)

// Validate returns an error that begins with the name of the setting. On the command line, the setting is the
// flag --graphite-NAME, or NAME=VALUE in a sink's URL.
func (c Config) Validate() error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return metric.FlagErrorf("host", nil, "%w", err)
	}
	if host == "" {
		return metric.FlagErrorf("host", nil, "%q has no host", c.Addr)
	}
	if strings.ContainsAny(host, "/@ \t\r\n") {
		return metric.FlagErrorf("host", nil, "%q is not a host name or address (give no URL)", host)
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") {
		return metric.FlagErrorf("host", nil, "%q is not a host name or address (set the port separately)", host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return metric.FlagErrorf("port", nil, "%q is not a port from 1 to 65535", port)
	}
	if err := sink.CheckPrefix(c.Prefix); err != nil {
		return metric.FlagErrorf("prefix", nil, "%w", err)
	}
	for _, s := range []struct {
		name  string
		value time.Duration
	}{
		{"connect-timeout", c.ConnectTimeout},
		{"timeout", c.Timeout},
		{"give-up", c.GiveUp},
	} {
		if s.value < 0 {
			return metric.FlagErrorf(s.name, nil, "%v is negative", s.value)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.GiveUp == 0 {
		c.GiveUp = defaultGiveUp
	}
	return c
}
