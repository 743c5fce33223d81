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
	// Addr is the receiver's "host:port", with an IPv6 address in brackets. It is required. The host
	// is looked up at every connect, and all its addresses are tried.
	Addr string

	// Prefix is put in front of every path, with a dot between. Empty means none.
	Prefix string

	// Pickle sends carbon's pickle protocol instead of lines.
	Pickle bool

	// TLS configures TLS to the receiver. nil means no TLS.
	TLS *secure.TLS

	// ConnectTimeout limits one connect: the look-up, all addresses, and the TLS handshake together.
	// Zero means 5 s. A shorter limit reports a dead receiver sooner. A longer limit leaves time for slow name servers.
	ConnectTimeout time.Duration

	// Timeout limits one Send after the connect. Zero means 10 s. After a timeout Send returns an
	// error, but the connection stays open and the next Send of the same payload continues. So a shorter Timeout only
	// has the effect that a slow receiver is reported sooner.
	Timeout time.Duration

	// GiveUp limits how long an unfinished send waits for the next acknowledged byte. Then its
	// connection is closed and the payload is sent again on a new one. Zero means 5 min. After a shorter time the next
	// connection may reach a better receiver with the same name. A longer time causes fewer duplicates if the receiver
	// was only slow.
	GiveUp time.Duration

	// KeepOpen keeps one connection for all sends, instead of one for each. It saves a connect for each send, but
	// confirms less: see the package comment.
	KeepOpen bool
}

const (
	defaultConnectTimeout = 5 * time.Second
	defaultTimeout        = 10 * time.Second
	defaultGiveUp         = 5 * time.Minute
)

// Validate returns an error that begins with the name of the setting. On the command line the setting is the flag
// --graphite-NAME, or NAME=VALUE in the URL of a sink.
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
