package server

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/statsd-ops/statsd/internal/bind"
	"github.com/statsd-ops/statsd/metric"
)

// listener is a bound port: one TCP socket, and a UDP socket for each receiver.
type listener struct {
	tcp *net.TCPListener
	udp []*socket
	// tcpGiven says that the TCP socket was given, and will be to a successor.
	tcpGiven bool
}

// listen takes over the sockets that were given, and binds the port for the
// protocols that none was given for: all that is wanted, or nothing. Port 0
// picks one that is free for both.
func listen(cfg *Config) (*listener, error) {
	given := &listener{}
	if err := given.inherit(cfg); err != nil {
		given.close()
		return nil, err
	}
	const tries = 20
	for i := 1; ; i++ {
		l := *given
		err := l.bind(cfg)
		if err == nil {
			return &l, nil
		}
		if cfg.Port != 0 || i == tries || !errors.Is(err, syscall.EADDRINUSE) {
			given.close()
			return nil, err
		}
	}
}

// bind binds what is missing, or nothing. UDP comes first, so that whoever can
// connect can send datagrams too.
func (l *listener) bind(cfg *Config) error {
	bound := &listener{}
	if len(l.udp) == 0 {
		if err := bound.bindUDP(cfg, l.address(cfg)); err != nil {
			bound.close()
			return listenError("udp", l.address(cfg), cfg, err)
		}
		l.udp = bound.udp
	}
	if l.tcp == nil {
		address := l.address(cfg)
		tcp, err := net.Listen(bind.Network("tcp", address), address)
		if err != nil {
			bound.close()
			return listenError("tcp", address, cfg, err)
		}
		l.tcp = tcp.(*net.TCPListener)
	}
	return nil
}

// address returns the address for what is to be bound: one port serves both
// protocols.
func (l *listener) address(cfg *Config) string {
	port := cfg.Port
	switch {
	case l.tcp != nil:
		port = l.tcp.Addr().(*net.TCPAddr).Port
	case len(l.udp) > 0:
		port = l.udp[0].port()
	}
	return net.JoinHostPort(cfg.Host, strconv.Itoa(port))
}

// bindUDP binds a socket for each receiver, unless another program has the port:
// one that does not share tells, before any could take a share of the datagrams
// that are meant for a first daemon.
func (l *listener) bindUDP(cfg *Config, address string) error {
	network := bind.Network("udp", address)
	alone, err := net.ListenPacket(network, address)
	if err != nil {
		return err
	}
	address = alone.LocalAddr().String() // it may have picked the port
	err = alone.Close()
	for i := 0; err == nil && i < cfg.Receivers; i++ {
		err = l.listenUDP(cfg, network, address)
	}
	return err
}

func (l *listener) listenUDP(cfg *Config, network, address string) error {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = sharePort(fd) }); err != nil {
			return err
		}
		return failed
	}}
	conn, err := config.ListenPacket(context.Background(), network, address)
	if err != nil {
		return err
	}
	s, err := newSocket(conn.(*net.UDPConn))
	if err != nil {
		return err
	}
	l.udp = append(l.udp, s)
	return s.setBuffer(cfg.UDPBuffer)
}

// listenError begins with the flag to change.
func listenError(protocol, address string, cfg *Config, err error) error {
	flag, value := "--port", strconv.Itoa(cfg.Port)
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		flag, value = "--name", cfg.Host
	}
	return metric.FlagErrorf(flag, value, "listen on %s %s: %w", protocol, address, bind.Reason(err, protocol, address))
}

// close lets go of everything; it is for a listener that nobody reads yet.
func (l *listener) close() {
	if l.tcp != nil {
		_ = l.tcp.Close()
	}
	for _, s := range l.udp {
		_ = s.close()
	}
}
