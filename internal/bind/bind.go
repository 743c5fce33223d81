// Package bind listens on exactly the written address. An address literal selects its family; Go alone
// would bind 0.0.0.0 and :: for both.
//
//	0.0.0.0  all addresses, IPv4 only
//	::       all addresses, IPv6 only
//	(empty)  all addresses, both families
//	a name   the first address it resolves to
//
// If the address is in use, the error names the process that uses it, if /proc tells.
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

// Network returns the network for an address: protocol, which is "tcp" or "udp", followed by the
// family of a literal host. The address is a "host:port".
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

// TCP listens at a "host:port". Port 0 picks a free one.
func TCP(address string) (*net.TCPListener, error) {
	l, err := net.Listen(Network("tcp", address), address)
	if err != nil {
		return nil, fmt.Errorf("listen on tcp %s: %w", address, Reason(err, "tcp", address))
	}
	return l.(*net.TCPListener), nil
}

// Reason returns why listening failed, without the operation and the address. It names the process
// that uses the port.
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
		return fmt.Errorf("%w: this process has it already", err)
	}
	return fmt.Errorf("%w: process %d (%s) has it", err, holder.PID, holder.Name)
}
