// Package bind listens on exactly the configured address. Package net would treat 0.0.0.0 and :: alike, and listen on
// both IPv4 and IPv6. In package bind an IP address selects its own family:
//
//	0.0.0.0  all addresses, IPv4 only
//	::       all addresses, IPv6 only
//	(empty)  all addresses, both families
//	a name   the first address it resolves to
//
// If the address is in use, the error names the process that uses it, provided that /proc shows this process.
package bind

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/statsd-ops/statsd/internal/sockets"
)

// Network returns the network name for an address: protocol ("tcp" or "udp") followed by "4" or "6"
// if the host is an IP address. The address is a "host:port".
func Network(protocol, address string) string {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return protocol
	case ip.Unmap().Is4():
		return protocol + "4"
	}
	return protocol + "6"
}

// TCP listens at a "host:port". Port 0 selects a free port.
func TCP(address string) (*net.TCPListener, error) {
	l, err := net.Listen(Network("tcp", address), address)
	if err != nil {
		return nil, fmt.Errorf("listen on tcp %s: %w", address, Reason(err, "tcp", address))
	}
	return l.(*net.TCPListener), nil
}

// Reason returns the cause of a failed listen call, without the operation and the address. It names
// the process that uses the port.
func Reason(err error, protocol, address string) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	_, service, splitErr := net.SplitHostPort(address)
	port, portErr := net.LookupPort(protocol, service)
	if errors.Join(splitErr, portErr) != nil {
		return err
	}
	holder, found := sockets.HolderOf(protocol, port)
	switch {
	case !found:
		return err
	case holder.PID == os.Getpid():
		return fmt.Errorf("%w: this process uses it already", err)
	}
	return fmt.Errorf("%w: process %d (%s) uses it", err, holder.PID, holder.Name)
}
