// Package listen binds the sockets that receive lines, or uses inherited sockets.
//
//	all, err := listen.Open(listeners, inherited) // opens all listeners, or none
//	for _, b := range all {
//		b.Packets // sockets that receive datagrams
//		b.Stream  // or a socket that accepts connections
//	}
//	b.Leave() // another daemon may bind the address from now on
//	b.Close() // closes the remaining sockets, and removes the socket file
//
// The daemon binds a socket file under a temporary name, sets its mode and owner, and then renames it. So
// clients never see an unfinished socket file. The daemon locks PATH.lock as long as it uses the path. It
// replaces an existing socket file on which no process listens. If a process listens, the path is in use. The
// daemon never replaces a file that is not a socket.
//
// This package does not handle the received data. It only defines Guard, the interface of a type that
// decides who may send.
package listen

import (
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Stream is a listening TCP or unix socket.
type Stream interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// Packet is a UDP socket or a unix datagram socket.
type Packet interface {
	net.PacketConn
	syscall.Conn
}

// Bound is an open listener.
type Bound struct {
	Listener
	// Given says that the sockets are inherited, and that the next process will inherit them.
	Given   bool
	Stream  Stream
	Packets []Packet

	file *file // nil unless this process has bound a unix socket with a file
}

// Open assigns the inherited sockets to listeners, and binds new sockets for the other listeners. If no listener has
// the address of an inherited socket, this socket becomes a separate listener. If Open fails, all sockets are closed.
// Open always closes the inherited files.
func Open(listeners []Listener, inherited []*os.File) ([]*Bound, error) {
	all := make([]*Bound, len(listeners))
	for i, l := range listeners {
		all[i] = &Bound{Listener: l}
	}
	all, err := inherit(all, inherited)
	if err == nil {
		err = bindAll(all)
	}
	if err == nil {
		return all, nil
	}
	for _, b := range all {
		err = errors.Join(err, b.Close())
	}
	return nil, err
}

// bindAll binds all missing sockets. If one bind fails, bindAll closes the sockets that it has
// bound before. UDP comes before TCP, so that a client that can connect can also send datagrams. If
// the port of --port is 0, bindAll chooses a port that is free for both protocols.
func bindAll(all []*Bound) error {
	const tries = 20
	for i := 1; ; i++ {
		var bound []*Bound
		var err error
		for _, b := range datagramsFirst(all) {
			if b.open() || err != nil {
				continue
			}
			if err = b.bind(portOf(b, all)); err == nil {
				bound = append(bound, b)
			}
		}
		if err == nil {
			return nil
		}
		for _, b := range bound {
			err = errors.Join(err, b.Close())
		}
		if i == tries || !errors.Is(err, syscall.EADDRINUSE) || !picks(all) {
			return err
		}
	}
}

func datagramsFirst(all []*Bound) []*Bound {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *Bound) int {
		switch {
		case a.Scheme.Datagrams() == b.Scheme.Datagrams():
			return 0
		case a.Scheme.Datagrams():
			return -1
		}
		return 1
	})
	return sorted
}

// picks reports whether the port of --port is 0, so that the system must choose a port.
func picks(all []*Bound) bool {
	for _, b := range all {
		if _, port, err := net.SplitHostPort(b.Address); b.FromPort && err == nil && port == "0" {
			return true
		}
	}
	return false
}

// portOf returns the port that the other listener of --port has bound. It returns 0 if b does not
// come from --port.
func portOf(b *Bound, all []*Bound) int {
	if !b.FromPort || b.Scheme.Local() {
		return 0
	}
	for _, other := range all {
		if other != b && other.FromPort && other.open() {
			if port := Port(other.Addr()); port > 0 {
				return port
			}
		}
	}
	return 0
}

// open reports whether the listener already has a socket.
func (b *Bound) open() bool { return b.Stream != nil || len(b.Packets) > 0 }

// Addr returns the address of the first socket, or nil if b has no socket.
func (b *Bound) Addr() net.Addr {
	switch {
	case b.Scheme.Local():
		return &net.UnixAddr{Net: b.Scheme.Network(), Name: b.Address} // the socket reports only the temporary name of the file
	case b.Stream != nil:
		return b.Stream.Addr()
	case len(b.Packets) > 0:
		return b.Packets[0].LocalAddr()
	}
	return nil
}

// Port returns the port of an address, or 0 if it has none.
func Port(a net.Addr) int {
	if a == nil {
		return 0
	}
	_, text, _ := net.SplitHostPort(a.String())
	port, _ := strconv.Atoi(text)
	return port
}

// Lost reports whether the socket file was removed or replaced by another process.
func (b *Bound) Lost() bool { return b.file != nil && !b.file.here() }

// Rebind binds the listener again at its address, after its socket file was lost. b gets the new
// socket. The previous socket stays open.
func (b *Bound) Rebind() error {
	b.file.leave()
	return b.bind(0)
}

// Leave lets another daemon bind the path of a unix socket. This daemon continues to read from its
// socket.
func (b *Bound) Leave() {
	if b.file != nil {
		b.file.leave()
	}
}

func (b *Bound) closeSockets() (err error) {
	if b.Stream != nil {
		err = b.Stream.Close()
	}
	for _, p := range b.Packets {
		err = errors.Join(err, p.Close())
	}
	b.Stream, b.Packets = nil, nil
	return err
}

// Close closes the sockets of b. It removes the socket file, unless another daemon has replaced the
// file.
func (b *Bound) Close() (err error) {
	err = b.closeSockets()
	if b.file != nil {
		err = errors.Join(err, b.file.remove())
		b.file = nil
	}
	return err
}
