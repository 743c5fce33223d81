package listen

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/statsd-ops/statsd/internal/bind"
	"github.com/statsd-ops/statsd/metric"
)

// bind binds the sockets of a listener. If port is not 0, bind uses it instead of the listener's
// port.
func (b *Bound) bind(port int) error {
	if b.Scheme.Local() {
		return b.fault(b.bindUnix())
	}
	address := b.Address
	if port > 0 {
		host, _, _ := net.SplitHostPort(address)
		address = net.JoinHostPort(host, strconv.Itoa(port))
	}
	if b.Scheme.Datagrams() {
		return b.portFault(b.bindUDP(address), address)
	}
	network := b.Scheme.Network()
	l, err := net.Listen(bind.Network(network, address), address)
	if err != nil {
		return b.portFault(err, address)
	}
	b.Stream = l.(Stream)
	return nil
}

// bindUDP binds a socket for each receiver. The first bind does not allow sharing of the port. So
// it fails if another daemon uses the port. If it did not fail, both daemons would get a part of
// each other's datagrams.
func (b *Bound) bindUDP(address string) error {
	network := bind.Network("udp", address)
	alone, err := net.ListenPacket(network, address)
	if err != nil {
		return err
	}
	address = alone.LocalAddr().String() // the system has chosen the port if the configured port is 0
	err = alone.Close()
	for i := 0; err == nil && i < b.Receivers; i++ {
		var p Packet
		if p, err = packet(network, address, sharePort); err == nil {
			b.Packets = append(b.Packets, p)
		}
	}
	if err != nil {
		_ = b.Close()
	}
	return err
}

// packet binds a socket for datagrams. It calls prepare with the socket's descriptor before it
// binds.
func packet(network, address string, prepare func(fd uintptr) error) (Packet, error) {
	config := net.ListenConfig{Control: control(prepare)}
	p, err := config.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	return p.(Packet), nil
}

// control makes a Control function for net.ListenConfig from a function that takes the descriptor.
func control(do func(fd uintptr) error) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		return errors.Join(c.Control(func(fd uintptr) { failed = do(fd) }), failed)
	}
}

// portFault returns an error that begins with the flag to change.
func (b *Bound) portFault(err error, address string) error {
	if err == nil {
		return nil
	}
	network := b.Scheme.Network()
	reason := bind.Reason(err, network, address)
	if !b.FromPort {
		return b.fault(reason)
	}
	flag := "--port"
	host, value, _ := net.SplitHostPort(b.Address)
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		flag, value = "--name", host
	}
	return metric.FlagErrorf(flag, value, "listen on %s %s: %w", network, address, reason)
}

// fault adds the listener's URL and the flag --listen to an error. It is for listeners with a URL.
func (b *Bound) fault(err error) error {
	if err == nil {
		return nil
	}
	return metric.FlagErrorf("--listen", b.URL, "%w", err)
}
