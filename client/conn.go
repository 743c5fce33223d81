package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// resolveEvery is how often the name of a UDP server is looked up again:
// nothing else would tell that it has moved.
const resolveEvery = time.Minute

// connect makes sure that there is a connection, however long it takes. It
// returns false when ctx has ended, or the queue has.
func (s *sender) connect() bool {
	select {
	case <-s.lost:
		s.fail(fmt.Errorf("%s ended the connection", s.cfg.target()))
	case conn := <-s.again:
		s.replace(conn)
	default:
	}
	for s.conn == nil {
		if s.failures > 0 && !s.pause() {
			return false
		}
		if s.ctx.Err() != nil || s.queue.ended() {
			return false
		}
		if conn, err := s.dial(); err != nil {
			s.fail(err)
		} else {
			s.use(conn)
			s.report.recovered()
		}
	}
	if s.again == nil && s.named() && time.Since(s.since) > resolveEvery {
		s.again = make(chan net.Conn)
		go s.dialAgain(s.again)
	}
	return true
}

// dialAgain looks the server up while the sender goes on with the socket that it
// has. It gives nil if the server was not found.
func (s *sender) dialAgain(again chan<- net.Conn) {
	conn, err := s.dial()
	if err != nil {
		conn = nil
	}
	select {
	case again <- conn:
	case <-s.ctx.Done():
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// replace goes on with what dialAgain gave.
func (s *sender) replace(conn net.Conn) {
	s.again, s.since = nil, time.Now()
	if conn != nil {
		s.hangUp()
		s.use(conn)
	}
}

// named reports whether the server is known by a name and reached by UDP.
func (s *sender) named() bool {
	if s.cfg.Network != "udp" {
		return false
	}
	host, _, _ := net.SplitHostPort(s.cfg.Address)
	return net.ParseIP(host) == nil
}

func (s *sender) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.DialTimeout)
	defer cancel()
	return s.cfg.Dial(ctx, s.cfg.Network, s.cfg.Address)
}

func (s *sender) use(conn net.Conn) {
	s.conn, s.since = conn, time.Now()
	s.unwatch = context.AfterFunc(s.ctx, func() { _ = conn.Close() }) // frees a write that is stuck
	if !s.cfg.datagram() {
		s.lost = make(chan struct{})
		go watch(conn, s.lost)
	}
	s.queue.connected()
}

// watch reads what a statsd server never sends, to see it end the connection:
// a write after that would be taken by the kernel and lost.
func watch(conn net.Conn, lost chan<- struct{}) {
	defer close(lost)
	var buf [512]byte
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return
		}
	}
}

// fail gives up the connection, if there is one, and counts the failure. A
// connection that had lasted is made again at once, others after a pause.
func (s *sender) fail(err error) {
	if s.conn != nil && time.Since(s.since) >= s.cfg.ReconnectDelay {
		s.failures = 0
	} else {
		s.failures++
	}
	s.hangUp()
	if s.ctx.Err() != nil {
		return
	}
	s.queue.failed(err)
	s.report.failed(err)
}

// hangUp closes the connection, if there is one.
func (s *sender) hangUp() {
	if s.conn == nil {
		return
	}
	s.unwatch()
	_ = s.conn.Close() // what the kernel took it still sends
	s.conn, s.lost = nil, nil
	s.queue.disconnected()
}

// wsaEMSGSIZE is EMSGSIZE on Windows, where package syscall has another number
// for that (Windows Sockets Error Codes).
const wsaEMSGSIZE = syscall.Errno(10040)

// write sends the packet in hand. After an error what was not taken stays in
// hand, for another connection.
func (s *sender) write() {
	err := s.conn.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
	n := 0
	if err == nil && s.cfg.datagram() {
		n, err = s.writeDatagram()
	} else if err == nil {
		n, err = s.writeStream()
	}
	switch {
	case err == nil:
		s.queue.done(s.hand, n)
		s.hand = nil
	case errors.Is(err, syscall.EMSGSIZE), errors.Is(err, wsaEMSGSIZE): // no connection would take it
		s.queue.failed(err)
		s.report.failed(err)
		s.queue.done(s.hand, 0)
		s.hand = nil
	default:
		s.fail(err)
	}
}

func (s *sender) writeDatagram() (int, error) {
	text := s.hand.text[:len(s.hand.text)-1]
	n, err := s.conn.Write(text)
	if s.cfg.Network == "udp" && errors.Is(err, syscall.ECONNREFUSED) {
		// The answer to an earlier datagram. This one was not sent.
		s.queue.failed(err)
		s.report.failed(err)
		n, err = s.conn.Write(text)
	}
	return n, err
}

// writeStream counts the lines that were wholly taken before an error. The one
// that was cut is sent again: its first half ends with the old connection.
func (s *sender) writeStream() (int, error) {
	p := s.hand
	n, err := s.conn.Write(p.text)
	if err == nil {
		return n, nil
	}
	if whole := bytes.LastIndexByte(p.text[:n], '\n') + 1; whole > 0 {
		lines := bytes.Count(p.text[:whole], []byte{'\n'})
		s.queue.sent(lines, whole)
		p.text = p.text[whole:]
		p.lines -= lines
	}
	return n, err
}
