// Package nsca sends reports to Nagios, or to another program with passive checks, through the NSCA daemon. It
// implements the protocol of the NSCA daemon, and does not need the program send_nsca.
//
//	method, password, err := nsca.ReadConfig("/etc/send_nsca.cfg")
//	client, err := nsca.New(nsca.Config{
//		Server: "nagios.example.com", Host: "web1", Service: "statsd",
//		Method: method, Password: password,
//	})
//	err = client.Notify(ctx, event)
//
// # Confirmation
//
// NSCA has no acknowledgement. If the NSCA daemon cannot decrypt a packet, it closes the connection. If it accepts the
// packet, it keeps the connection open. Notify therefore waits a second before it returns nil. A sender cannot find out
// whether Nagios knows the host and the service.
//
// # Security
//
// The encryption methods are from 2002, and use the password directly as the key. None of them authenticates the NSCA
// daemon, and XOR gives no protection. Use a method from 14 to 16, and a trusted network.
package nsca

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
)

const (
	defaultPort    = "5667"
	defaultTimeout = 10 * time.Second // same default as send_nsca
)

// Config says which NSCA daemon gets the reports, and about which host and service.
type Config struct {
	// Server is the address of the NSCA daemon: a host name or an IP address, with or without a port. The default
	// port is 5667. An IPv6 address with a port needs brackets.
	Server string

	// Host is the name of this host in Nagios, 1 to 63 bytes.
	Host string

	// Service is the name of the service in Nagios, up to 127 bytes. If it is empty, the service of each event is
	// used.
	Service string

	// Method and Password must be the same as the daemon's decryption_method and password. ReadConfig reads both
	// settings. The zero Method does not encrypt packets.
	Method   Method
	Password string

	// Timeout limits each Notify, from the name resolution to the end of the wait for a refusal. The default is 10
	// s.
	Timeout time.Duration

	// Legacy selects the packet format of NSCA before version 2.9. A packet of this format has at most 511 bytes of
	// text. A packet of the current format has at most 4095 bytes of text. Later NSCA daemons also accept the old
	// format, but then the client cannot detect that a daemon refuses a packet.
	Legacy bool
}

// Validate returns a *metric.FlagError if c is invalid.
func (c Config) Validate() error {
	if _, err := address(c.Server); err != nil {
		return metric.FlagErrorf("--nsca-server", nil, "%w", err)
	}
	if err := checkName(c.Host, hostSize-1); err != nil {
		return metric.FlagErrorf("--nsca-host", nil, "%w", err)
	}
	if c.Service != "" {
		if err := checkName(c.Service, serviceSize-1); err != nil {
			return metric.FlagErrorf("--nsca-service", nil, "%w", err)
		}
	}
	if err := c.Method.check(); err != nil {
		return metric.FlagErrorf("--nsca-config", nil, "%w", err)
	}
	return nil
}

// address returns server in the form that net.Dial requires.
func address(server string) (string, error) {
	if server == "" {
		return "", errors.New("is empty: give HOST or HOST:PORT")
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil { // the address has no port, or it is an IPv6 address without brackets
		host, port = strings.TrimSuffix(strings.TrimPrefix(server, "["), "]"), defaultPort
		if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":[]") {
			return "", fmt.Errorf("%+q is neither HOST nor HOST:PORT (an IPv6 address with a port is [ADDRESS]:PORT)", server)
		}
	}
	if host == "" {
		return "", fmt.Errorf("%+q has no host", server)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %+q is not a number from 1 to 65535", port)
	}
	return net.JoinHostPort(host, port), nil
}

// checkName refuses names that the NSCA daemon would truncate. It also refuses names that would shift the fields of the
// line that the NSCA daemon writes for Nagios:
//
//	[time] PROCESS_SERVICE_CHECK_RESULT;host;service;state;text
func checkName(name string, limit int) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > limit:
		return fmt.Errorf("%+q has %d bytes, and nsca allows at most %d", name, len(name), limit)
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%+q has bytes that are not printable text", name)
	case strings.Contains(name, ";"):
		return fmt.Errorf("%+q has a semicolon, which ends a field for nagios", name)
	}
	return nil
}
