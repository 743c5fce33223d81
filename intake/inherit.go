package intake

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// inherit takes over the inherited sockets.
func (l *listener) inherit(cfg *Listen) error {
	var failed error
	for _, file := range cfg.Sockets {
		if failed == nil {
			if err := l.take(file, cfg); err != nil {
				failed = fmt.Errorf("the socket inherited as %s: %w", file.Name(), err)
			}
		}
		_ = file.Close() // the socket in use is a duplicate
	}
	return failed
}

func (l *listener) take(file *os.File, cfg *Listen) error {
	kind, listening, err := typeOf(file)
	switch {
	case err != nil:
		return err
	case kind == syscall.SOCK_DGRAM:
		return l.takeUDP(file, cfg)
	case kind == syscall.SOCK_STREAM && !listening:
		return errors.New("it is a connection; want a listening socket (systemd: Accept=no)")
	case kind != syscall.SOCK_STREAM:
		return errors.New("want a tcp or udp socket")
	}
	return l.takeTCP(file)
}

func typeOf(file *os.File) (kind int, listening bool, err error) {
	raw, err := file.SyscallConn()
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

func (l *listener) takeTCP(file *os.File) error {
	given, err := net.FileListener(file)
	if err != nil {
		return err
	}
	tcp, ok := given.(*net.TCPListener)
	if !ok || l.tcp != nil {
		defer given.Close()
		if ok {
			return errors.New("want one tcp socket, this is another one")
		}
		return fmt.Errorf("want a tcp or udp socket, not %s", given.Addr().Network())
	}
	l.tcp, l.tcpGiven = tcp, true
	return nil
}

func (l *listener) takeUDP(file *os.File, cfg *Listen) error {
	given, err := net.FilePacketConn(file)
	if err != nil {
		return err
	}
	conn, ok := given.(*net.UDPConn)
	if !ok {
		defer given.Close()
		return fmt.Errorf("want a tcp or udp socket, not %s", given.LocalAddr().Network())
	}
	s, err := newSocket(conn)
	if err != nil {
		return err
	}
	l.udp = append(l.udp, s)
	return errors.Join(s.inherit(), s.growBuffer(cfg.UDPBuffer))
}
