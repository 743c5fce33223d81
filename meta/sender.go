package meta

import (
	"net"
	"net/netip"
)

// Sender is the address of a UDP or TCP client. Senders are comparable. The zero Sender is unknown.
type Sender struct{ address netip.AddrPort }

// SenderAt returns the sender at an address. A socket for both families gives IPv4
// clients IPv6 addresses; the Sender has the IPv4 one.
func SenderAt(a netip.AddrPort) Sender {
	return Sender{netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}
}

// SenderOf returns the sender at the far end of a connection.
func SenderOf(remote net.Addr) Sender {
	if a, ok := remote.(interface{ AddrPort() netip.AddrPort }); ok {
		return SenderAt(a.AddrPort())
	}
	return Sender{}
}

// Known reports whether the sender is known.
func (s Sender) Known() bool { return s.address.IsValid() }

// Addr returns the address without the port. It is not valid for an unknown sender.
func (s Sender) Addr() netip.Addr { return s.address.Addr() }

// AppendHost appends the sender without its port, so that all connections of a host are equal. It
// appends nothing if the sender is unknown.
func (s Sender) AppendHost(dst []byte) []byte {
	if !s.Known() {
		return dst
	}
	return s.address.Addr().AppendTo(dst)
}

// String returns the sender for people: 10.20.4.17:48211, or "" if unknown.
func (s Sender) String() string {
	if !s.Known() {
		return ""
	}
	return s.address.String()
}
