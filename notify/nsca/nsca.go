// Package nsca reports to Nagios, or another program with passive checks, through the NSCA
// daemon. It speaks the daemon's protocol and does not need send_nsca.
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
// NSCA has no acknowledgement. The daemon closes the connection after a packet that it cannot
// decrypt, and otherwise keeps it open. So Notify waits a second before it reports success. A sender
// cannot find out whether Nagios knows the host and the service.
//
// # Security
//
// The methods date from 2002 and use the password directly as the key. None of them authenticates
// the daemon, and xor hides nothing. Use method 14 to 16, and a trusted network.
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
	defaultTimeout = 10 * time.Second // send_nsca's default
)

// Config configures a Client: the receiver, and the service to report.
type Config struct {
	// Server is the address of the daemon: a host name or an IP address, with or without a port. The
	// default port is 5667. An IPv6 address with a port needs brackets.
	Server string

	// Host is the name of this machine in Nagios, 1 to 63 bytes.
	Host string

	// Service is the name of the service in Nagios, up to 127 bytes. If it is empty, the service of
	// each event is used.
	Service string

	// Method and Password must equal the daemon's decryption_method and password. ReadConfig reads
	// both. The zero Method encrypts nothing.
	Method   Method
	Password string

	// Timeout limits one Notify, from the name look-up to the end of the wait for a refusal. The
	// default is 10 s.
	Timeout time.Duration

	// Legacy sends the packet format of NSCA 2.7 and before, with 511 bytes of text instead of 4095.
	// Later daemons accept it too, but then their refusals cannot be detected.
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

// address returns server in the form that net.Dial expects.
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
		return "", fmt.Errorf("%+q has no host", server)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %+q is not a number from 1 to 65535", port)
	}
	return net.JoinHostPort(host, port), nil
}

// checkName refuses names that the daemon would truncate, or that would shift the fields of the line
// that it writes for Nagios:
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
