package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/meta"
)

// Batch is the maximum number of datagrams in one read. A batch of 128 would empty a full socket 1
// % faster, but would cost 3 % more in normal traffic, because the buffers would take twice the
// memory.
const Batch = 64

// Space is the buffer size for one datagram. It exceeds 65,507 bytes, the maximum of UDP. It is not
// a power of two: otherwise the beginnings of all buffers would compete for the same few cache
// lines.
const Space = 64<<10 + 192

// Socket reads datagrams in batches, with recvmmsg(2) on a blocking socket. Waking up the goroutine costs more than all
// other work of a read, and Go's poller would wake it up for each datagram. With a blocking socket, the receiver can
// sleep while datagrams gather, and then read many of them at once. Only unix sockets use Go's poller: readLocal
// explains why. Only one goroutine may use a Socket. Other goroutines may call only Stop and Drops.
type Socket struct {
	fd      int
	headers [Batch]mmsghdr
	vectors [Batch]unix.Iovec
	names   [Batch]unix.RawSockaddrInet6 // addresses of the senders, large enough for IPv6
	buffer  []byte
	// controls are the control messages of the last batch.
	controls [Batch]control
	senders  bool // whether reads return the senders
	timed    bool // whether reads return the times of arrival
	trains   bool // whether the kernel returns trains (datagrams that it coalesced, UDP_GRO); see WantTrains
	given    bool // whether the socket is inherited, so that other processes share it
	// control is the number of bytes for the control messages of one datagram.
	control int
	local   *localReads // nil unless the socket is a unix socket
}

// control has room for a time of arrival and the size of the datagrams in a coalesced packet, in this order. If the
// kernel reports no time, the size comes first.
type control struct {
	arrival arrival
	train   trainSize
}

// arrival is the control message with a datagram's time of arrival: struct cmsghdr and struct
// timespec of CLOCK_REALTIME. See socket(7), SO_TIMESTAMPNS.
type arrival struct {
	header unix.Cmsghdr
	time   unix.Timespec
}

// at returns the time of arrival in Unix nanoseconds, or 0 if the message contains no time.
func (a *arrival) at() int64 {
	if a.header.Level != unix.SOL_SOCKET || a.header.Type != unix.SCM_TIMESTAMPNS {
		return 0
	}
	return a.time.Nano()
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// New makes a Socket from conn. The caller must not use conn after that, even if New fails.
func New(conn listen.Packet) (*Socket, error) {
	address := conn.LocalAddr()
	take, local := detach, address.Network() == "unixgram"
	if local {
		take = descriptor
	}
	fd, err := take(conn)
	if err != nil {
		return nil, fmt.Errorf("take over %s socket %s: %w", address.Network(), address, err)
	}
	s := &Socket{fd: fd, buffer: make([]byte, Batch*Space), control: int(unsafe.Sizeof(control{}))}
	for i := range s.headers {
		s.vectors[i].Base = &s.buffer[i*Space]
		s.vectors[i].SetLen(Space)
		s.headers[i].header.Iov = &s.vectors[i]
		s.headers[i].header.SetIovlen(1)
	}
	if local {
		return s, s.askLocal(conn)
	}
	return s, nil
}

// WantSenders sets whether later reads return the senders.
func (s *Socket) WantSenders(want bool) {
	s.senders = want
	for i := range s.headers {
		s.headers[i].header.Name, s.headers[i].header.Namelen = nil, 0
		if want {
			s.headers[i].header.Name = (*byte)(unsafe.Pointer(&s.names[i]))
		}
	}
}

// WantTimes sets whether later reads return the times of arrival.
func (s *Socket) WantTimes(want bool) {
	if want == s.timed || s.local != nil || unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, boolint(want)) != nil {
		return
	}
	s.timed = want
	s.wantControls()
}

// wantControls sets whether later reads return control messages.
func (s *Socket) wantControls() {
	for i := range s.headers {
		s.headers[i].header.Control = nil
		s.headers[i].header.SetControllen(0)
		if s.timed || s.trains {
			s.headers[i].header.Control = (*byte)(unsafe.Pointer(&s.controls[i]))
		}
	}
}

func boolint(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Arrived returns the time of arrival of the i-th datagram of the batch, in Unix nanoseconds. It returns 0 if the time
// is unknown.
func (s *Socket) Arrived(i int) int64 {
	if !s.timed || s.headers[i].header.Controllen == 0 {
		return 0
	}
	return s.controls[i].arrival.at()
}

// detach closes conn and returns a duplicate of its socket, which is blocking and not registered in
// Go's poller. With the poller, each datagram would wake up a thread.
func detach(conn listen.Packet) (fd int, err error) {
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(original uintptr) {
		fd, failed = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	return fd, unix.SetNonblock(fd, false)
}

// Read reads the next batch and returns its size. If no datagram has arrived, it waits if wait is
// true, and returns 0 if wait is false.
func (s *Socket) Read(wait bool) (int, error) {
	switch {
	case !wait:
		return s.receive(0, unix.MSG_DONTWAIT)
	case s.local != nil:
		return s.readLocal()
	}
	return s.receive(0, unix.MSG_WAITFORONE)
}

// receive calls recvmmsg(2). It keeps the datagrams of the batch with an index below first, and stores the new
// datagrams after them.
func (s *Socket) receive(first int, flags uintptr) (int, error) {
	headers := s.headers[first:]
	if s.senders {
		for i := range headers {
			headers[i].header.Namelen = unix.SizeofSockaddrInet6
		}
	}
	if s.timed || s.trains {
		for i := range headers {
			headers[i].header.SetControllen(s.control)
		}
	}
	for {
		var n uintptr
		var errno unix.Errno
		vector, size := uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers))
		if flags != unix.MSG_DONTWAIT {
			n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), vector, size, flags, 0, 0)
		} else {
			// RawSyscall6 hides the call from the Go scheduler. The call takes microseconds. If the
			// scheduler knew about it, it would often give the processor to another thread, which takes
			// twice as long as the call.
			n, _, errno = unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), vector, size, flags, 0, 0)
		}
		runtime.KeepAlive(s)
		switch errno {
		case 0:
			if s.local != nil {
				s.noteLocal(first, int(n))
			}
			return int(n), nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, os.NewSyscallError("recvmmsg", errno)
		}
	}
}

// Datagram returns the i-th datagram or coalesced packet of the batch. It is valid until the next read.
func (s *Socket) Datagram(i int) []byte {
	return s.buffer[i*Space:][:s.headers[i].length]
}

// Sender returns the sender of the i-th datagram, if senders were requested.
func (s *Socket) Sender(i int) meta.Sender {
	if s.local != nil {
		return s.local.senders[i]
	}
	if !s.senders || s.headers[i].header.Namelen == 0 {
		return meta.Sender{}
	}
	switch name := &s.names[i]; name.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return meta.SenderAt(netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), networkOrder(v4.Port)))
	case unix.AF_INET6:
		return meta.SenderAt(netip.AddrPortFrom(netip.AddrFrom16(name.Addr), networkOrder(name.Port)))
	}
	return meta.Sender{}
}

func networkOrder(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

// Stop makes a waiting Read return, with no datagram or with an empty datagram. Datagrams in the
// queue can still be read.
func (s *Socket) Stop() {
	if s.local != nil {
		_ = s.local.conn.SetReadDeadline(time.Now()) // the deadline ends the wait of the reader
	}
	if s.given {
		return // the reader of an inherited socket waits at most for lookUp, and then notices the stop
	}
	// Shutdown returns ENOTCONN, but it still wakes the reader.
	_ = unix.Shutdown(s.fd, unix.SHUT_RD)
}

// lookUp is the longest wait of a read from an inherited socket. Stop cannot shut down an inherited
// socket, because the next process also uses it.
const lookUp = 100 * time.Millisecond

// Inherit marks the socket as shared with earlier and later processes.
func (s *Socket) Inherit() error {
	s.given = true
	if s.local != nil {
		return nil
	}
	limit := unix.NsecToTimeval(int64(lookUp))
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
}

// Close closes the socket.
func (s *Socket) Close() error {
	if s.local != nil {
		return s.local.conn.Close()
	}
	return os.NewSyscallError("close", unix.Close(s.fd))
}

// Given reports whether the socket is shared with earlier and later processes.
func (s *Socket) Given() bool { return s.given }
