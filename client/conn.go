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

// resolveEvery is how often the name of a UDP server is looked up again. The client cannot notice otherwise that the
// server has moved.
const resolveEvery = time.Minute

// connect waits until there is a connection, however long that takes. It returns false when ctx or the queue has ended.
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

// dialed holds the results of a call of Config.Dial.
type dialed struct {
	conn net.Conn
	err  error
}

// startDial calls Config.Dial in a goroutine, because Dial may be slow or ignore its context. Only one call runs at a
// time.
func (s *sender) startDial() {
	result := make(chan dialed)
	s.dialing = result
	go func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.cfg.DialTimeout)
		defer cancel()
		d := dialed{err: errors.New("Config.Dial ended its goroutine")}
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

// dial waits for a connection. A call of Config.Dial that ignores its context
// goes on, and the next dial waits for it.
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

// replace changes to the socket of a new look-up. If the look-up failed, the old socket stays.
func (s *sender) replace(d dialed) {
	s.dialing, s.since = nil, time.Now()
	if d.err == nil {
		s.hangUp()
		s.use(d.conn)
	}
}

// named reports whether the server is reached by UDP and has a name.
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
	s.unwatch = context.AfterFunc(s.ctx, func() { _ = conn.Close() }) // frees a stuck write
	if !s.cfg.datagram() {
		s.lost = make(chan error, 1)
		go s.watch(conn, s.lost)
	}
	s.queue.note(func(stats *Stats) { stats.Connects++; stats.Connected = true })
}

// watch reads from the connection, to see when the server ends it. Otherwise the kernel would accept a further write
// and lose the data. A statsd server never sends anything, but over TLS it can say why it refuses a client.
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

// fail gives up the connection, if there is one, and counts the failure. After a connection that had lasted for a
// while, the next one is made at once. Otherwise there is a pause.
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
	_ = s.conn.Close() // the kernel still sends the data that it has accepted
	s.conn, s.lost = nil, nil
	s.queue.note(func(stats *Stats) { stats.Connected = false })
}

// wsaEMSGSIZE is the number of EMSGSIZE in Windows Sockets. Package syscall uses a different one
// there.
const wsaEMSGSIZE = syscall.Errno(10040)

// write sends the current packet (s.hand). After an error the rest of the packet waits for the next connection.
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
	if is(err, syscall.EMSGSIZE, wsaEMSGSIZE) { // too large for any connection
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

// late reports whether the error belongs to an earlier datagram. This one was not sent.
func (s *sender) late(err error) bool {
	if s.cfg.Network != "udp" || !is(err, syscall.ECONNREFUSED) {
		return false
	}
	s.report.failed(err)
	return true
}

// writeLines sends each line of the current packet as a datagram of its own.
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
		case t.refused(err): // the following trains will be smaller or single lines
		case is(err, syscall.EMSGSIZE, wsaEMSGSIZE): // one line, too large for any connection
			s.report.failed(err)
			s.queue.unsent(p, lines)
		default:
			return err
		}
	}
	return nil
}

// writeStream writes to a stream. It counts the lines that the kernel accepted completely before an error. A line that
// was cut is sent again: its first part is lost with the old connection.
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
