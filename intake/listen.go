package intake

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/internal/bind"
	"github.com/statsd-ops/statsd/metric"
)

// streamListener is implemented by TCP and unix listeners.
type streamListener interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// packetConn is implemented by UDP sockets and unix datagram sockets.
type packetConn interface {
	net.PacketConn
	syscall.Conn
}

// listener is a bound port: one TCP socket, and one UDP socket per receiver.
type listener struct {
	tcp streamListener
	udp []*socket
	// tcpGiven says that the TCP socket was inherited and that a later process will inherit it again.
	tcpGiven bool
}

// listen takes over the inherited sockets and binds the port for each protocol without one. After
// an error nothing stays bound. Port 0 picks a port that is free for both protocols.
func listen(cfg *Listen) (*listener, error) {
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

// bind binds the missing sockets, all or none. UDP comes first: once a client can connect, it can
// also send datagrams.
func (l *listener) bind(cfg *Listen) error {
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
		l.tcp = tcp.(streamListener)
	}
	return nil
}

// address returns the address to bind. One port serves both protocols.
func (l *listener) address(cfg *Listen) string {
	port := cfg.Port
	switch {
	case l.tcp != nil:
		port = l.tcp.Addr().(*net.TCPAddr).Port
	case len(l.udp) > 0:
		port = l.udp[0].port()
	}
	return net.JoinHostPort(cfg.Host, strconv.Itoa(port))
}

// bindUDP binds a socket for each receiver. The first bind does not share the port: it fails if
// another daemon has the port, before this one takes part of its datagrams.
func (l *listener) bindUDP(cfg *Listen, address string) error {
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

func (l *listener) listenUDP(cfg *Listen, network, address string) error {
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
	s, err := newSocket(conn.(packetConn))
	if err != nil {
		return err
	}
	l.udp = append(l.udp, s)
	return s.setBuffer(cfg.UDPBuffer)
}

// listenError returns an error that begins with the flag to change.
func listenError(protocol, address string, cfg *Listen, err error) error {
	flag, value := "--port", strconv.Itoa(cfg.Port)
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		flag, value = "--name", cfg.Host
	}
	return metric.FlagErrorf(flag, value, "listen on %s %s: %w", protocol, address, bind.Reason(err, protocol, address))
}

// close closes all sockets. It must be called before reading begins.
func (l *listener) close() {
	if l.tcp != nil {
		_ = l.tcp.Close()
	}
	for _, s := range l.udp {
		_ = s.close()
	}
}
