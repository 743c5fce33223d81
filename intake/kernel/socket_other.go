//go:build !linux

package kernel

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
)

// Batch is the largest number of datagrams in one read.
const Batch = 1

// Socket reads one datagram at a time, for systems without recvmmsg.
type Socket struct {
	conn    listen.Packet
	buffer  [64 << 10]byte
	length  int
	from    meta.Sender
	at      int64
	buffers int
	given   bool // whether the socket is inherited, so that other processes share it
}

// New makes a Socket from conn. The caller must not use conn after that, even if New fails.
func New(conn listen.Packet) (*Socket, error) {
	return &Socket{conn: conn}, nil
}

func (s *Socket) Read(wait bool) (int, error) {
	if !wait {
		return s.readNow()
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	n, from, err := s.conn.ReadFrom(s.buffer[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, nil
	}
	s.length, s.from, s.at = n, meta.SenderOf(from), time.Now().UnixNano()
	return 1, err
}

// readNow reads a datagram that has already arrived, or returns 0. It uses no deadline, because a deadline can pass
// before a read begins.
func (s *Socket) readNow() (n int, err error) {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var from unix.Sockaddr
	var failed error
	if err := raw.Control(func(fd uintptr) {
		n, from, failed = unix.Recvfrom(int(fd), s.buffer[:], unix.MSG_DONTWAIT)
	}); err != nil {
		return 0, err
	}
	switch {
	case errors.Is(failed, unix.EAGAIN), errors.Is(failed, unix.EINTR):
		return 0, nil
	case failed != nil:
		return 0, os.NewSyscallError("recvfrom", failed)
	}
	s.length, s.from, s.at = n, meta.Sender{}, time.Now().UnixNano()
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		s.from = meta.SenderAt(netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)))
	case *unix.SockaddrInet6:
		s.from = meta.SenderAt(netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)))
	}
	return 1, nil
}

func (s *Socket) Datagram(int) []byte            { return s.buffer[:s.length] }
func (s *Socket) Sender(int) meta.Sender         { return s.from }
func (s *Socket) Arrived(int) int64              { return s.at }
func (s *Socket) WantTimes(bool)                 {}
func (s *Socket) WantSenders(bool)               {}
func (s *Socket) Truncated(int) bool             { return false }
func (s *Socket) Peer(int) (c peers.Credentials) { return c }
func (s *Socket) SetSender(int, meta.Sender)     {}
func (s *Socket) WantTrains(bool)                {}
func (s *Socket) Train(int) int                  { return 0 }
func (s *Socket) Drops() uint32                  { return 0 }
func (s *Socket) Granted() int                   { return s.buffers }
func (s *Socket) Close() error                   { return s.conn.Close() }

func (s *Socket) SetBuffer(bytes int) error {
	s.buffers = bytes
	if c, ok := s.conn.(interface{ SetReadBuffer(int) error }); ok {
		return c.SetReadBuffer(bytes)
	}
	return nil
}

func (s *Socket) GrowBuffer(bytes int) error { return s.SetBuffer(bytes) }

// Inherit only marks the socket. On this system a deadline ends a waiting read, and does not affect
// other processes.
func (s *Socket) Inherit() error {
	s.given = true
	return nil
}

func (s *Socket) Stop() { _ = s.conn.SetReadDeadline(time.Now()) }

// PeerOf returns no credentials, because this system does not report the process at the other end.
func PeerOf(syscall.Conn) (c peers.Credentials) { return c }

// Stamp does nothing. On this system the time of reading is used as the time of arrival.
func Stamp(uintptr) {}

// Reading is the state of a read from a connection.
type Reading struct{}

// Now reads the available bytes of a connection, or returns EAGAIN.
func (*Reading) Now(fd uintptr, _ bool, b []byte) (n int, at int64, err error) {
	for {
		n, err = syscall.Read(int(fd), b)
		if err != syscall.EINTR {
			return max(n, 0), time.Now().UnixNano(), err
		}
	}
}

// Unread returns 0, because this system does not report the number of unread bytes.
func Unread(uintptr) int { return 0 }

// More returns n, because a batch has only one datagram on this system.
func (s *Socket) More(n int) (int, error) { return n, nil }

// Given reports whether the socket is shared with earlier and later processes.
func (s *Socket) Given() bool { return s.given }
