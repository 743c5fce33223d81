// Package listen binds the sockets that receive lines, or uses inherited sockets.
//
//	all, err := listen.Open(listeners, inherited) // all, or none
//	for _, b := range all {
//		b.Packets // sockets of datagrams
//		b.Stream  // or a socket that accepts connections
//	}
//	b.Leave() // a successor may bind the address
//	b.Close() // closes the remaining sockets, and removes the socket file
//
// A socket file appears at its path with its mode and owner, and ready for clients: the daemon binds it
// under another name and then renames it. The daemon locks PATH.lock as long as it wants the path. If no
// process listens on an existing socket file, the daemon replaces it. If a process listens, the path is in
// use. A file that is not a socket is never touched.
//
// This package does not handle the received data. It only defines Guard, the interface for deciding about
// senders.
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

// Stream is implemented by TCP and unix listeners.
type Stream interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// Packet is implemented by UDP sockets and unix datagram sockets.
type Packet interface {
	net.PacketConn
	syscall.Conn
}

// Bound is an open listener.
type Bound struct {
	Listener
	// Given says that the sockets are inherited. A later process will inherit them again.
	Given   bool
	Stream  Stream
	Packets []Packet

	file *file // the file of a unix socket that this process has bound
}

// Open uses the inherited sockets, and binds the listeners without one. If no listener asks for an inherited socket,
// the socket gets its own listener. After an error no socket stays open. The inherited files are closed in any case.
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

// bindAll binds the missing sockets, all or none. Datagrams come first: a client that can connect can then send
// datagrams too. The listeners of port 0 share a port, which must be free
// for both protocols.
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

// picks reports whether the system must choose a port for both protocols.
func picks(all []*Bound) bool {
	for _, b := range all {
		if _, port, err := net.SplitHostPort(b.Address); b.FromPort && err == nil && port == "0" {
			return true
		}
	}
	return false
}

// portOf returns the port of the other protocol, if b comes from --port; otherwise 0.
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

// open reports whether the listener has sockets.
func (b *Bound) open() bool { return b.Stream != nil || len(b.Packets) > 0 }

// Addr returns the address of the first socket, or nil if none is left.
func (b *Bound) Addr() net.Addr {
	switch {
	case b.Scheme.Local():
		return &net.UnixAddr{Net: b.Scheme.Network(), Name: b.Address} // the socket itself only knows its name before the rename
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

// Lost reports whether the socket file is gone, or belongs to another process.
func (b *Bound) Lost() bool { return b.file != nil && !b.file.here() }

// Rebind binds the listener again at its address, after its file was lost. b gets the new socket. The old
// socket stays open.
func (b *Bound) Rebind() error {
	b.file.leave()
	return b.bind(0)
}

// Leave allows another daemon to bind the path of a unix socket. This daemon continues to read.
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

// Close closes the sockets that are still in b. It removes the socket file if the file still belongs to
// this process.
func (b *Bound) Close() (err error) {
	err = b.closeSockets()
	if b.file != nil {
		err = errors.Join(err, b.file.remove())
		b.file = nil
	}
	return err
}
