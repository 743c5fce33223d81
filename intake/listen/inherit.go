package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// given is a socket that the process has inherited.
type given struct {
	name   string // the name of the socket's descriptor
	scheme Scheme
	stream Stream
	packet Packet
}

// inherit gives each inherited socket to a listener. If no listener has the address of a socket,
// inherit appends a new listener for the socket to the result.
func inherit(all []*Bound, files []*os.File) ([]*Bound, error) {
	var sockets []*given
	var failed error
	for _, f := range files {
		if failed == nil {
			g, err := take(f)
			if err != nil {
				failed = fmt.Errorf("the socket inherited as %s: %w", f.Name(), err)
			} else {
				sockets = append(sockets, g)
			}
		}
		_ = f.Close() // the given socket is a duplicate of f
	}
	if failed != nil {
		for _, g := range sockets {
			g.close()
		}
		return all, failed
	}
	// A listener with exactly the same address has precedence over the listener of --port.
	for _, match := range []func(*Bound, *given) bool{(*Bound).asksFor, (*Bound).takesAny} {
		sockets = slices.DeleteFunc(sockets, func(g *given) bool {
			i := slices.IndexFunc(all, func(b *Bound) bool { return match(b, g) })
			if i >= 0 {
				all[i].inherit(g)
			}
			return i >= 0
		})
	}
	for _, g := range sockets {
		if i := slices.IndexFunc(all, func(b *Bound) bool { return b.asksFor(g) }); i >= 0 {
			all[i].inherit(g)
			continue
		}
		b := &Bound{Listener: Listener{Name: freeName(all, g), Scheme: g.scheme, Address: g.address()}}
		b.inherit(g)
		all = append(all, b)
	}
	return all, nil
}

func (b *Bound) inherit(g *given) {
	b.Given = true
	if g.stream != nil {
		b.Stream = g.stream
		return
	}
	b.Packets = append(b.Packets, g.packet)
}

// asksFor reports whether the listener has the address of the given socket and still needs a
// socket.
func (b *Bound) asksFor(g *given) bool {
	return b.fits(g) && sameAddress(b.Scheme, b.Address, g.address())
}

// takesAny reports whether the listener comes from --port and still needs a socket of this type. A listener of
// --port accepts an inherited socket with any port number.
func (b *Bound) takesAny(g *given) bool { return b.FromPort && !b.Scheme.Local() && b.fits(g) }

// fits reports whether the listener still needs a socket, and the given socket has the right type.
func (b *Bound) fits(g *given) bool {
	return b.Scheme.Network() == g.scheme.Network() && b.Stream == nil && (g.packet == nil || b.Scheme != Unixgram || len(b.Packets) == 0)
}

// sameAddress reports whether the wanted address of a listener is the address of a socket.
func sameAddress(s Scheme, wanted, has string) bool {
	if s.Local() || wanted == has {
		return wanted == has
	}
	at, err := netip.ParseAddrPort(has)
	host, port, splitErr := net.SplitHostPort(wanted)
	if err != nil || splitErr != nil || port != fmt.Sprint(at.Port()) {
		return false
	}
	if host == "" {
		return at.Addr().IsUnspecified()
	}
	addresses, _ := net.LookupHost(host)
	return slices.ContainsFunc(addresses, func(text string) bool {
		a, err := netip.ParseAddr(text)
		return err == nil && a.Unmap() == at.Addr().Unmap()
	})
}

var notInName = regexp.MustCompile(`[^a-z0-9_-]+`)

// freeName makes an unused listener name from the name of the descriptor.
func freeName(all []*Bound, g *given) string {
	base := strings.Trim(notInName.ReplaceAllString(strings.ToLower(g.name), "-"), "-")
	if base = base[:min(len(base), 48)]; base == "" {
		base = string(g.scheme)
	}
	name := base
	for n := 2; slices.ContainsFunc(all, func(b *Bound) bool { return b.Name == name }); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

// take returns the socket of an inherited file. It finds out whether the socket receives datagrams or accepts
// connections.
func take(f *os.File) (*given, error) {
	kind, listening, err := typeOf(f)
	switch {
	case err != nil:
		return nil, err
	case kind == syscall.SOCK_STREAM && !listening:
		return nil, errors.New("it is a connection; it must be a listening socket (systemd: Accept=no)")
	case kind == syscall.SOCK_STREAM:
		l, err := net.FileListener(f)
		if err != nil {
			return nil, err
		}
		return newGiven(f.Name(), l, l.(Stream), nil)
	case kind == syscall.SOCK_DGRAM:
		p, err := net.FilePacketConn(f)
		if err != nil {
			return nil, err
		}
		return newGiven(f.Name(), p, nil, p.(Packet))
	}
	return nil, errors.New("must be a stream or datagram socket")
}

func newGiven(name string, socket any, stream Stream, packet Packet) (*given, error) {
	g := &given{name: name, stream: stream, packet: packet}
	switch socket.(type) {
	case *net.TCPListener:
		g.scheme = TCP
	case *net.UDPConn:
		g.scheme = UDP
	case *net.UnixListener:
		g.scheme = Unix
	case *net.UnixConn:
		g.scheme = Unixgram
	default:
		g.close()
		return nil, fmt.Errorf("must be a tcp, udp or unix socket, not %T", socket)
	}
	return g, nil
}

func (g *given) address() string {
	if g.stream != nil {
		return g.stream.Addr().String()
	}
	return g.packet.LocalAddr().String()
}

func (g *given) close() {
	if g.stream != nil {
		_ = g.stream.Close()
		return
	}
	_ = g.packet.Close()
}

// typeOf returns the type of a socket, and whether it accepts connections.
func typeOf(f *os.File) (kind int, listening bool, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if kind, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TYPE); failed != nil {
			return
		}
		accepts, _ := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		listening = accepts != 0
	})
	return kind, listening, errors.Join(err, failed)
}
