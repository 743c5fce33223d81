package graphite

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// Config says where the receiver is and how long it may take.
type Config struct {
	// Addr is the receiver's "host:port", an IPv6 address in brackets. There is
	// no default. The host is looked up at every connect, and all its addresses
	// are tried.
	Addr string

	// Prefix stands in front of every path, with a dot between; empty for none.
	Prefix string

	// Pickle sends carbon's pickle protocol instead of lines.
	Pickle bool

	// TLS says how the receiver is known if it is behind TLS; nil if it is not.
	TLS *TLS

	// ConnectTimeout bounds one connect: the look-up, all addresses, and the begin of TLS together.
	// Zero means 5 s. A shorter one reports a dead receiver sooner; a longer one
	// lets slow name servers answer.
	ConnectTimeout time.Duration

	// Timeout bounds what one Send takes once it is connected. Zero means 10 s.
	// When it is over, Send reports an error, but the connection stays and a
	// Send of the same payload goes on with it: a shorter Timeout reports a slow
	// receiver sooner and costs nothing else.
	Timeout time.Duration

	// GiveUp is how long an unfinished send may see no byte acknowledged before
	// its connection is given up and the payload starts again on a new one.
	// Zero means 5 min. A shorter one leaves a silent receiver sooner (another
	// one may be behind the same name); a longer one makes fewer duplicates when
	// the receiver was only slow.
	GiveUp time.Duration

	// KeepOpen keeps one connection for all sends, instead of one for each. It
	// saves a connect per send, but confirms less: see the package comment.
	KeepOpen bool
}

const (
	defaultConnectTimeout = 5 * time.Second
	defaultTimeout        = 10 * time.Second
	defaultGiveUp         = 5 * time.Minute
)

// Validate says what is wrong with c. The error begins with the name of the setting,
// which the daemon has as a flag --graphite-NAME and as NAME=VALUE in the URL of a sink.
func (c Config) Validate() error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return metric.FlagErrorf("host", nil, "%w", err)
	}
	if host == "" {
		return metric.FlagErrorf("host", nil, "%q names no host", c.Addr)
	}
	if strings.ContainsAny(host, "/@ \t\r\n") {
		return metric.FlagErrorf("host", nil, "%q is not a host name or address (give no URL)", host)
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") {
		return metric.FlagErrorf("host", nil, "%q is not a host name or address (the port is a setting of its own)", host)
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
