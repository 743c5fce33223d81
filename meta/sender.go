package meta

import (
	"net"
	"net/netip"
	"strconv"
)

// Sender is the address of a UDP or TCP client, or a process of this host. Senders are comparable. The
// zero Sender is unknown.
type Sender struct {
	address netip.AddrPort
	process Process
}

// Process is a process that sent over a unix socket. The zero Process is none.
type Process struct {
	Local   bool  // always true
	PID     int32 // 0 if it has no number here, as in some containers
	UID     uint32
	Program string // empty if unknown
}

// SenderIn returns the Sender for a process.
func SenderIn(p Process) Sender { return Sender{process: p} }

// Process returns the process of a sender; its Local is false if it is none.
func (s Sender) Process() Process { return s.process }

// SenderAt returns the sender at an address. A socket for both families gives IPv4
// clients IPv6 addresses; the Sender has the IPv4 one.
func SenderAt(a netip.AddrPort) Sender {
	return Sender{address: netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}
}

// SenderOf returns the sender at the far end of a connection.
func SenderOf(remote net.Addr) Sender {
	if a, ok := remote.(interface{ AddrPort() netip.AddrPort }); ok {
		return SenderAt(a.AddrPort())
	}
	return Sender{}
}

// Known reports whether the sender is known.
func (s Sender) Known() bool { return s.address.IsValid() || s.process.Local }

// Addr returns the address without the port. It is not valid for an unknown sender, and for a process.
func (s Sender) Addr() netip.Addr { return s.address.Addr() }

// AppendHost appends the sender without its port, so that all connections of a host are equal. It
// appends nothing if the sender is unknown.
func (s Sender) AppendHost(dst []byte) []byte {
	if !s.Known() {
		return dst
	}
	if s.process.Local {
		return s.process.append(dst)
	}
	return s.address.Addr().AppendTo(dst)
}

// String returns the sender for people: 10.20.4.17:48211, "uid 33, pid 4711, nginx", or "" if unknown.
func (s Sender) String() string {
	switch {
	case !s.Known():
		return ""
	case s.process.Local:
		return string(s.process.append(nil))
	}
	return s.address.String()
}

// append appends the process as String returns it.
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
