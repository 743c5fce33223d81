package kernel

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
)

// localReads holds the kernel's information about a batch of datagrams from processes of this host.
type localReads struct {
	controls [Batch]localControl
	peers    [Batch]*unix.Ucred // nil if the kernel does not give it
	senders  [Batch]meta.Sender
}

// localControl has room for two control messages: a time of arrival, and credentials. See unix(7),
// SCM_CREDENTIALS. It has no room for a third message, so no client can pass open files to this process.
type localControl struct {
	arrival     arrival
	credentials struct {
		header unix.Cmsghdr
		of     unix.Ucred
		_      uint32
	}
}

// askLocal asks for credentials and times of arrival with each datagram.
func (s *Socket) askLocal() error {
	for _, option := range []int{unix.SO_PASSCRED, unix.SO_TIMESTAMPNS} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	s.local, s.timed, s.control = &localReads{}, true, int(unsafe.Sizeof(localControl{}))
	for i := range s.headers {
		s.headers[i].header.Control = (*byte)(unsafe.Pointer(&s.local.controls[i]))
	}
	return nil
}

// noteLocal stores the control messages of a batch of n. The time comes before the credentials.
func (s *Socket) noteLocal(n int) {
	for i := range n {
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

// Truncated reports whether the i-th datagram was longer than its buffer.
func (s *Socket) Truncated(i int) bool { return s.headers[i].header.Flags&unix.MSG_TRUNC != 0 }

// Peer returns the process that sent the i-th datagram.
func (s *Socket) Peer(i int) peers.Credentials { return credentials(s.local.peers[i]) }

func credentials(c *unix.Ucred) peers.Credentials {
	if c == nil {
		return peers.Credentials{}
	}
	return peers.Credentials{ID: peers.ID{PID: c.Pid, UID: c.Uid}, GID: c.Gid, Known: true}
}

// PeerOf returns the process at the other end of a unix connection. It is the process that opened the
// connection.
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

// Gather reads datagrams. It returns when a batch is full, when no datagram has come for the time of
// Hasten, or when it has read for the time of limit. If the process slept instead, datagrams would wait in the queue.
// With Gather none waits: the kernel moves each datagram at once, while this process continues to sleep.
func (s *Socket) Gather(limit time.Duration) (int, error) {
	left := unix.NsecToTimespec(int64(limit))
	return s.receive(0, &left)
}

// Hasten limits the wait for each datagram. 0 is no limit.
func (s *Socket) Hasten(limit time.Duration) error {
	if limit == 0 && s.given {
		limit = lookUp
	}
	wait := unix.NsecToTimeval(int64(limit))
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait))
}

// SetSender sets the sender of the i-th datagram.
func (s *Socket) SetSender(i int, sender meta.Sender) { s.local.senders[i] = sender }
