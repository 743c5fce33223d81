package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// resolveEvery is the time between two resolutions of a UDP server's name. This is the only way for the client to
// notice that the server's address has changed.
const resolveEvery = time.Minute

// connect waits until there is a connection, without a time limit. It returns false if ctx has ended or if there
// is nothing more to send.
func (s *sender) connect() bool {
	select {
	case err := <-s.lost:
		s.fail(err)
	case d := <-s.dialing:
		s.replace(d)
	default:
	}
	for s.conn == nil {
		if s.failures > 0 && !s.pause() {
			return false
		}
		if s.finished() {
			return false
		}
		if conn, err := s.dial(); err != nil {
			s.fail(err)
		} else {
			s.use(conn)
			s.report.recovered()
		}
	}
	if s.dialing == nil && s.named() && time.Since(s.since) > resolveEvery {
		s.startDial()
	}
	return true
}

// dialed contains the results of a call of Config.Dial.
type dialed struct {
	conn net.Conn
	err  error
}

// startDial calls Config.Dial in a separate goroutine, because Dial may be slow or ignore its context. At most
// one call runs at a time.
func (s *sender) startDial() {
	result := make(chan dialed)
	s.dialing = result
	go func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.cfg.DialTimeout)
		defer cancel()
		d := dialed{err: errors.New("Config.Dial ended the goroutine that called it (runtime.Goexit)")}
		defer func() {
			select {
			case result <- d:
			case <-s.ctx.Done():
				if d.conn != nil {
					_ = d.conn.Close()
				}
			}
		}()
		d.conn, d.err = callDial(ctx, s.cfg)
	}()
}

// dial waits for a connection. If Config.Dial ignores its context, it may still be running after dial has returned. The
// next dial then does not call Config.Dial again: it waits for the running call.
func (s *sender) dial() (net.Conn, error) {
	if s.dialing == nil {
		s.startDial()
	}
	timer := time.NewTimer(s.cfg.DialTimeout + grace)
	defer timer.Stop()
	select {
	case d := <-s.dialing:
		s.dialing = nil
		return d.conn, d.err
	case <-timer.C:
		return nil, fmt.Errorf("Config.Dial has not returned after %v", s.cfg.DialTimeout+grace)
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

// replace replaces the socket by a socket for the newly resolved address. If the resolution failed,
// replace keeps the old socket.
func (s *sender) replace(d dialed) {
	s.dialing, s.since = nil, time.Now()
	if d.err == nil {
		s.hangUp()
		s.use(d.conn)
	}
}

// named reports whether the network is UDP and the address contains a host name.
func (s *sender) named() bool {
	if s.cfg.Network != "udp" {
		return false
	}
	host, _, _ := net.SplitHostPort(s.cfg.Address)
	return net.ParseIP(host) == nil
}

func (s *sender) use(conn net.Conn) {
	s.conn, s.since = conn, time.Now()
	if s.cfg.OneLine {
		s.trains.use(conn)
	}
	s.unwatch = context.AfterFunc(s.ctx, func() { _ = conn.Close() }) // closing the connection ends a blocked write
	if !s.cfg.datagram() {
		s.lost = make(chan error, 1)
		go s.watch(conn, s.lost)
	}
	s.queue.note(func(stats *Stats) { stats.Connects++; stats.Connected = true })
}

// watch reads from the connection to detect that the server has closed it. Without this, the kernel
// would accept another write after the close, and the written data would be lost. A statsd server
// never sends data, but with TLS it can send the reason why it refuses a client.
func (s *sender) watch(conn net.Conn, lost chan<- error) {
	var buf [512]byte
	for {
		_, err := conn.Read(buf[:])
		if err == nil {
			continue
		}
		ended := fmt.Errorf("%s ended the connection", s.cfg.target())
		if !is(err, io.EOF) {
			ended = fmt.Errorf("%w: %w", ended, err)
		}
		lost <- ended
		return
	}
}

// fail closes the connection, if there is one, and counts the failure. If the connection had lasted for a while,
// the client reconnects immediately. If not, it first pauses.
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
	s.report.failed(err)
}

// hangUp closes the connection, if there is one.
func (s *sender) hangUp() {
	if s.conn == nil {
		return
	}
	s.unwatch()
	_ = s.conn.Close() // the kernel still sends data that it has accepted before Close
	s.conn, s.lost = nil, nil
	s.queue.note(func(stats *Stats) { stats.Connected = false })
}

// wsaEMSGSIZE is the number of EMSGSIZE in Windows Sockets. On Windows, package syscall has a different number.
const wsaEMSGSIZE = syscall.Errno(10040)

// write sends the current packet (s.hand). If this fails, the unsent part of the packet is sent on the next
// connection.
func (s *sender) write() {
	err := s.conn.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
	n := 0
	switch {
	case err != nil:
	case s.cfg.OneLine:
		err = s.writeLines()
	case s.cfg.datagram():
		n, err = s.writeDatagram()
	default:
		n, err = s.writeStream()
	}
	if is(err, syscall.EMSGSIZE, wsaEMSGSIZE) { // no connection can transport this datagram
		s.report.failed(err)
		n, err = 0, nil
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.queue.done(s.hand, n)
	s.hand = nil
}

func (s *sender) writeDatagram() (int, error) {
	text := s.hand.text[:len(s.hand.text)-1]
	if s.signer != nil {
		text = s.signer.sign(text, time.Now())
	}
	n, err := s.conn.Write(text)
	if s.late(err) {
		n, err = s.conn.Write(text)
	}
	return n, err
}

// late reports whether the error was caused by an earlier datagram. In this case, the current datagram was not
// sent.
func (s *sender) late(err error) bool {
	if s.cfg.Network != "udp" || !is(err, syscall.ECONNREFUSED) {
		return false
	}
	s.report.failed(err)
	return true
}

// writeLines sends each line of the current packet in its own datagram.
func (s *sender) writeLines() error {
	p, t := s.hand, &s.trains
	var sign func([]byte) []byte
	if s.signer != nil {
		now := time.Now()
		sign = func(line []byte) []byte { return s.signer.sign(line, now) }
	}
	t.arrange(p.text)
	for len(p.text) > 0 {
		lines := t.couple(p.text, sign)
		n, err := t.write(s.conn)
		if s.late(err) {
			n, err = t.write(s.conn)
		}
		switch {
		case err == nil:
			s.queue.sentAlone(p, lines, n)
		case t.refused(err): // try again: t.limit is now lower, so lines of this length are sent one at a time
		case is(err, syscall.EMSGSIZE, wsaEMSGSIZE): // a single line that no connection can transport
			s.report.failed(err)
			s.queue.unsent(p, lines)
		default:
			return err
		}
	}
	return nil
}

// writeStream writes to a stream. If there is an error, it counts the lines that the kernel has
// accepted completely. If a line was accepted only in part, the whole line is sent again: the old
// connection is closed, and the server discards an incomplete line at the end of a connection.
func (s *sender) writeStream() (int, error) {
	p := s.hand
	n, err := s.conn.Write(p.text)
	if err == nil {
		return n, nil
	}
	if whole := bytes.LastIndexByte(p.text[:n], '\n') + 1; whole > 0 {
		s.queue.sent(p, whole)
	}
	return n, err
}
