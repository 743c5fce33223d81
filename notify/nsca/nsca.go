// Package nsca reports to Nagios, or another program with passive checks, through the NSCA
// daemon. It speaks the protocol of that daemon, and needs no send_nsca.
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
// NSCA acknowledges nothing. The daemon closes the connection after a packet that it cannot
// decrypt, and otherwise keeps it open. So Notify waits a moment before it reports success. A
// sender cannot see whether Nagios knows the host and the service.
//
// # Security
//
// The methods are those of 2002, keyed with the bare password. None of them
// authenticates the daemon, and xor hides nothing. Use method 14 to 16, and a
// trusted network.
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
	defaultTimeout = 10 * time.Second // send_nsca's
)

// Config sets the receiver, and the service to report.
type Config struct {
	// Server is where the daemon listens: a host name or an IP address, with
	// or without a port. Without one it is 5667; an IPv6 address with a port
	// needs brackets.
	Server string

	// Host is the name of this machine in Nagios, 1 to 63 bytes.
	Host string

	// Service is the name of the service in Nagios, up to 127 bytes. Where it
	// is empty each event's own service is reported.
	Service string

	// Method and Password must be the daemon's decryption_method and password;
	// ReadConfig reads both. The zero Method encrypts nothing.
	Method   Method
	Password string

	// Timeout bounds one Notify, from the look-up of the name to the end of
	// the wait for a refusal. Without one it is 10 s.
	Timeout time.Duration

	// Legacy sends the packet of NSCA 2.7 and before, with 511 bytes of text
	// where later ones have 4095. A later daemon takes it too, but can no
	// longer be seen to refuse it.
	Legacy bool
}

// Validate returns a *metric.FlagError if c is wrong.
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

// address returns server as net.Dial wants it.
func address(server string) (string, error) {
	if server == "" {
		return "", errors.New("is empty: give HOST or HOST:PORT")
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil { // no port, or an IPv6 address without brackets
		host, port = strings.TrimSuffix(strings.TrimPrefix(server, "["), "]"), defaultPort
		if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":[]") {
			return "", fmt.Errorf("%+q is neither HOST nor HOST:PORT (an IPv6 address with a port is [ADDRESS]:PORT)", server)
		}
	}
	if host == "" {
		return "", fmt.Errorf("%+q names no host", server)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %+q is not a number from 1 to 65535", port)
	}
	return net.JoinHostPort(host, port), nil
}

// checkName refuses names that the daemon would cut, or that would shift the fields of the
// line that it writes for Nagios:
//
//	[time] PROCESS_SERVICE_CHECK_RESULT;host;service;state;text
func checkName(name string, limit int) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > limit:
		return fmt.Errorf("%+q has %d bytes, nsca carries %d", name, len(name), limit)
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%+q has bytes that are not printable text", name)
	case strings.Contains(name, ";"):
		return fmt.Errorf("%+q has a semicolon, which ends a field for nagios", name)
	}
	return nil
}
