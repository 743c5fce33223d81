package meta

import (
	"net"
	"net/netip"
	"strconv"
)

// Sender is the address of a UDP or TCP client, or a process on this host. Senders can be compared
// with ==. The zero Sender means that the sender is unknown.
type Sender struct {
	address netip.AddrPort
	process Process
}

// Process is a process that has sent over a unix socket. The zero Process means that there is none.
type Process struct {
	Local   bool  // always true, except in the zero Process
	PID     int32 // 0 if the process has no PID in this namespace, as in some containers
	UID     uint32
	Program string // "" if unknown
}

// SenderIn returns a Sender for a process.
func SenderIn(p Process) Sender { return Sender{process: p} }

// Process returns the process that is the sender. If the sender is an address, Local is false in the returned Process.
func (s Sender) Process() Process { return s.process }

// SenderAt returns a Sender for an address. A socket for IPv4 and IPv6 shows an IPv4 address as an
// IPv6 address: SenderAt converts it to IPv4.
func SenderAt(a netip.AddrPort) Sender {
	return Sender{address: netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}
}

// SenderOf returns a Sender for the remote address of a connection.
func SenderOf(remote net.Addr) Sender {
	if a, ok := remote.(interface{ AddrPort() netip.AddrPort }); ok {
		return SenderAt(a.AddrPort())
	}
	return Sender{}
}

// Known reports whether the sender is known.
func (s Sender) Known() bool { return s.address.IsValid() || s.process.Local }

// Addr returns the address without the port. It is invalid if the sender is unknown or a process.
func (s Sender) Addr() netip.Addr { return s.address.Addr() }

// AppendHost appends the sender without the port, so all connections of a host have the same text.
// If the sender is unknown, it appends nothing.
func (s Sender) AppendHost(dst []byte) []byte {
	if !s.Known() {
		return dst
	}
	if s.process.Local {
		return s.process.append(dst)
	}
	return s.address.Addr().AppendTo(dst)
}

// String formats the sender for people, such as 10.20.4.17:48211 or "uid 33, pid 4711, nginx". It
// returns "" if the sender is unknown.
func (s Sender) String() string {
	switch {
	case !s.Known():
		return ""
	case s.process.Local:
		return string(s.process.append(nil))
	}
	return s.address.String()
}

// append appends the process in the format of Sender.String.
func (p *Process) append(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, "uid "...), uint64(p.UID), 10)
	if p.PID > 0 {
		dst = strconv.AppendInt(append(dst, ", pid "...), int64(p.PID), 10)
	}
	if p.Program != "" {
		dst = append(append(dst, ", "...), p.Program...)
	}
	return dst
}
