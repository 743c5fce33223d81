//go:build !linux

package intake

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
)

// batchDatagrams is the largest number of datagrams in one read.
const batchDatagrams = 1

// socket reads one datagram at a time, for systems without recvmmsg.
type socket struct {
	conn    listen.Packet
	buffer  [64 << 10]byte
	length  int
	from    meta.Sender
	at      int64
	buffers int
	given   bool // inherited: other processes share it
}

// newSocket takes over conn.
func newSocket(conn listen.Packet) (*socket, error) {
	return &socket{conn: conn}, nil
}

func (s *socket) read(wait bool) (int, error) {
	deadline := time.Time{}
	if !wait {
		deadline = time.Now().Add(time.Millisecond)
	}
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	n, from, err := s.conn.ReadFrom(s.buffer[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, nil
	}
	s.length, s.from, s.at = n, meta.SenderOf(from), time.Now().UnixNano()
	return 1, err
}

func (s *socket) datagram(int) []byte            { return s.buffer[:s.length] }
func (s *socket) sender(int) meta.Sender         { return s.from }
func (s *socket) arrived(int) int64              { return s.at }
func (s *socket) wantTimes(bool)                 {}
func (s *socket) wantSenders(bool)               {}
func (s *socket) truncated(int) bool             { return false } // unknown
func (s *socket) peer(int) (c peers.Credentials) { return c }
func (s *socket) known(int, meta.Sender)         {}
func (s *socket) drops() uint32                  { return 0 }
func (s *socket) granted() int                   { return s.buffers }
func (s *socket) close() error                   { return s.conn.Close() }

func (s *socket) setBuffer(bytes int) error {
	s.buffers = bytes
	if c, ok := s.conn.(interface{ SetReadBuffer(int) error }); ok {
		return c.SetReadBuffer(bytes)
	}
	return nil
}

func (s *socket) growBuffer(bytes int) error { return s.setBuffer(bytes) }

// inherit needs no more: a deadline ends a read and leaves no trace on the socket.
func (s *socket) inherit() error {
	s.given = true
	return nil
}

func (s *socket) stop() { _ = s.conn.SetReadDeadline(time.Now()) }

// peerOf returns nothing: the process at the other end is unknown.
func peerOf(conn) (c peers.Credentials) { return c }

// stampStream does nothing: the time of reading is used.
func stampStream(uintptr) {}

// reading is the state of a read from a connection.
type reading struct{}

// now reads the available bytes of a connection, or returns EAGAIN.
func (*reading) now(fd uintptr, _ bool, b []byte) (n int, at int64, err error) {
	for {
		n, err = syscall.Read(int(fd), b)
		if err != syscall.EINTR {
			return max(n, 0), time.Now().UnixNano(), err
		}
	}
}

// unread returns 0: the number is unknown.
func unread(uintptr) int { return 0 }
