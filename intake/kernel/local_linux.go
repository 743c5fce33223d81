package kernel

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
)

// localReads holds what the kernel reports about a batch of datagrams from processes of this host.
type localReads struct {
	conn     listen.Packet
	raw      syscall.RawConn
	controls [Batch]localControl
	peers    [Batch]*unix.Ucred // nil if the kernel does not report the process
	senders  [Batch]meta.Sender
}

// localControl has room for two control messages: a time of arrival, and credentials. See unix(7),
// SCM_CREDENTIALS. There is no room for a third message, so a client cannot pass open files to this
// process.
type localControl struct {
	arrival     arrival
	credentials struct {
		header unix.Cmsghdr
		of     unix.Ucred
		_      uint32
	}
}

// askLocal makes the kernel return credentials and a time of arrival with each datagram.
func (s *Socket) askLocal(conn listen.Packet) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for _, option := range []int{unix.SO_PASSCRED, unix.SO_TIMESTAMPNS} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	s.local, s.timed, s.control = &localReads{conn: conn, raw: raw}, true, int(unsafe.Sizeof(localControl{}))
	for i := range s.headers {
		s.headers[i].header.Control = (*byte)(unsafe.Pointer(&s.local.controls[i]))
	}
	return nil
}

// descriptor returns the descriptor of conn. conn remains registered in Go's poller.
func descriptor(conn listen.Packet) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(of uintptr) { fd = int(of) })
	return fd, err
}

// readLocal waits for datagrams and reads those that have arrived. It may return 0. A unix socket
// holds only few datagrams, so it must be read as soon as a datagram arrives. A blocking system
// call for each burst would make the Go runtime hand the processor to another thread each time.
// Waiting in Go's poller costs less.
func (s *Socket) readLocal() (n int, err error) {
	waited := false
	failed := s.local.raw.Read(func(uintptr) bool {
		n, err = s.receive(0, unix.MSG_DONTWAIT)
		done := n > 0 || err != nil || waited
		waited = true
		return done
	})
	if err == nil && !errors.Is(failed, os.ErrDeadlineExceeded) { // Stop sets a deadline to end the wait
		err = failed
	}
	return n, err
}

// noteLocal stores the control messages of n datagrams. In each datagram the time comes before the
// credentials.
func (s *Socket) noteLocal(first, n int) {
	for i := first; i < first+n; i++ {
		c := &s.local.controls[i]
		s.controls[i].arrival, s.local.peers[i], s.local.senders[i] = arrival{}, nil, meta.Sender{}
		if s.headers[i].header.Controllen >= uint64(unsafe.Sizeof(c.arrival)) {
			s.controls[i].arrival = c.arrival
		}
		h := &c.credentials.header
		if s.headers[i].header.Controllen >= uint64(unsafe.Sizeof(c.arrival)+unsafe.Sizeof(*h)) && h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_CREDENTIALS {
			s.local.peers[i] = &c.credentials.of
		}
	}
}

// Truncated reports whether the i-th datagram was longer than the buffer, so that the end of the
// datagram is lost.
func (s *Socket) Truncated(i int) bool { return s.headers[i].header.Flags&unix.MSG_TRUNC != 0 }

// Peer returns the process that sent the i-th datagram.
func (s *Socket) Peer(i int) peers.Credentials { return credentials(s.local.peers[i]) }

func credentials(c *unix.Ucred) peers.Credentials {
	if c == nil {
		return peers.Credentials{}
	}
	return peers.Credentials{ID: peers.ID{PID: c.Pid, UID: c.Uid}, GID: c.Gid, Known: true}
}

// PeerOf returns the process that opened the other end of a unix connection.
func PeerOf(c syscall.Conn) peers.Credentials {
	raw, err := c.SyscallConn()
	if err != nil {
		return peers.Credentials{}
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		cred = nil
	}
	return credentials(cred)
}

// More appends waiting datagrams to a batch of n datagrams, and returns the new size. The batch
// must not be full.
func (s *Socket) More(n int) (int, error) {
	more, err := s.receive(n, unix.MSG_DONTWAIT)
	return n + more, err
}

// SetSender stores sender as the sender of the i-th datagram.
func (s *Socket) SetSender(i int, sender meta.Sender) { s.local.senders[i] = sender }
