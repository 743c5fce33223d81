package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listener is a bound port: one TCP socket, and a UDP socket for each receiver.
type listener struct {
	tcp *net.TCPListener
	udp []*socket
}

// listen binds the port for both protocols, or neither. Port 0 picks one that
// is free for both.
func listen(cfg *Config) (*listener, error) {
	const tries = 20
	for i := 1; ; i++ {
		l, err := listenOnce(cfg)
		if err == nil || cfg.Port != 0 || i == tries || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
}

// listenOnce binds TCP first, which shares its port with nobody: so a second
// daemon fails there, before its UDP sockets could take a share of the
// datagrams that are meant for the first one.
func listenOnce(cfg *Config) (*listener, error) {
	tcp, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, listenError("tcp", cfg, err)
	}
	l := &listener{tcp: tcp.(*net.TCPListener)}
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(l.port()))
	// Nor may another program have the UDP port.
	alone, err := net.ListenPacket("udp", address)
	if err == nil {
		err = alone.Close()
	}
	for i := 0; err == nil && i < cfg.Receivers; i++ {
		err = l.listenUDP(cfg, address)
	}
	if err != nil {
		l.close()
		return nil, listenError("udp", cfg, err)
	}
	return l, nil
}

func (l *listener) listenUDP(cfg *Config, address string) error {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = sharePort(fd) }); err != nil {
			return err
		}
		return failed
	}}
	conn, err := config.ListenPacket(context.Background(), "udp", address)
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
func listenError(protocol string, cfg *Config, err error) error {
	flag := fmt.Sprintf("--port %d", cfg.Port)
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		flag = "--name " + cfg.Host
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return fmt.Errorf("%s: listen on %s %s: %w", flag, protocol, net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)), err)
}

func (l *listener) port() int { return l.tcp.Addr().(*net.TCPAddr).Port }

// close lets go of everything; it is for a listener that nobody reads yet.
func (l *listener) close() {
	_ = l.tcp.Close()
	for _, s := range l.udp {
		_ = s.close()
	}
}
