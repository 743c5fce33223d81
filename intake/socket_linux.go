package intake

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/meta"
)

// batchDatagrams is how many datagrams one read can bring. With 128 a full socket empties
// 1 % faster, but normal traffic costs 3 % more: the buffers take twice the memory.
const batchDatagrams = 64

// datagramSpace is the memory for a datagram: more than the 65,507 bytes that
// UDP can carry, and no power of two, so that the beginnings of all buffers do
// not fall on the same few cache lines.
const datagramSpace = 64<<10 + 192

// socket reads datagrams in batches, with recvmmsg(2) on a blocking socket:
// between batches the goroutine can then decide itself when to wake up, which
// costs more than anything else here. One goroutine uses it; only stop
// and drops may be called from others.
type socket struct {
	fd      int
	headers [batchDatagrams]mmsghdr
	vectors [batchDatagrams]unix.Iovec
	names   [batchDatagrams]unix.RawSockaddrInet6 // of the senders; room for IPv4 too
	times   [batchDatagrams]arrival
	buffer  []byte
	senders bool // the headers ask for names
	timed   bool // the headers ask for times of arrival
	given   bool // it is not ours alone
}

// arrival is the control message that holds a datagram's time of arrival: struct cmsghdr, and
// struct timespec by CLOCK_REALTIME. See socket(7), SO_TIMESTAMPNS.
type arrival struct {
	header unix.Cmsghdr
	time   unix.Timespec
}

// at returns the time in Unix nanoseconds, 0 if the message has none.
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

// newSocket takes over conn.
func newSocket(conn packetConn) (*socket, error) {
	fd, err := detach(conn)
	if err != nil {
		return nil, fmt.Errorf("take over udp socket %s: %w", conn.LocalAddr(), err)
	}
	s := &socket{fd: fd, buffer: make([]byte, batchDatagrams*datagramSpace)}
	for i := range s.headers {
		s.vectors[i].Base = &s.buffer[i*datagramSpace]
		s.vectors[i].SetLen(datagramSpace)
		s.headers[i].header.Iov = &s.vectors[i]
		s.headers[i].header.SetIovlen(1)
	}
	return s, nil
}

// wantSenders makes further reads bring who sent each datagram, or not.
func (s *socket) wantSenders(want bool) {
	s.senders = want
	for i := range s.headers {
		s.headers[i].header.Name, s.headers[i].header.Namelen = nil, 0
		if want {
			s.headers[i].header.Name = (*byte)(unsafe.Pointer(&s.names[i]))
		}
	}
}

// wantTimes makes further reads bring when each datagram arrived, or not.
func (s *socket) wantTimes(want bool) {
	if want == s.timed || unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, boolint(want)) != nil {
		return
	}
	s.timed = want
	for i := range s.headers {
		s.headers[i].header.Control = nil
		s.headers[i].header.SetControllen(0)
		if want {
			s.headers[i].header.Control = (*byte)(unsafe.Pointer(&s.times[i]))
		}
	}
}

func boolint(b bool) int {
	if b {
		return 1
	}
	return 0
}

// arrived returns when the i-th datagram of the batch arrived, in Unix nanoseconds: 0 if that is
// not known.
func (s *socket) arrived(i int) int64 {
	if !s.timed || s.headers[i].header.Controllen == 0 {
		return 0
	}
	return s.times[i].at()
}

// detach closes conn and returns its socket, blocking, and unknown to Go's
// poller: which would otherwise wake up for each datagram.
func detach(conn packetConn) (fd int, err error) {
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

// read brings the next batch and returns its size. Unless it may wait, it
// returns 0 when nothing is there.
func (s *socket) read(wait bool) (int, error) {
	if s.senders {
		for i := range s.headers {
			s.headers[i].header.Namelen = unix.SizeofSockaddrInet6
		}
	}
	if s.timed {
		for i := range s.headers {
			s.headers[i].header.SetControllen(int(unsafe.Sizeof(arrival{})))
		}
	}
	for {
		var n uintptr
		var errno unix.Errno
		vector := uintptr(unsafe.Pointer(&s.headers[0]))
		if wait {
			n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), vector, batchDatagrams, unix.MSG_WAITFORONE, 0, 0)
		} else {
			// It takes microseconds. Told of the call, the Go scheduler would
			// often take the processor away meanwhile, and wake up threads to
			// give it to: that took twice the time of the call.
			n, _, errno = unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), vector, batchDatagrams, unix.MSG_DONTWAIT, 0, 0)
		}
		runtime.KeepAlive(s)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, os.NewSyscallError("recvmmsg", errno)
		}
	}
}

// datagram returns the i-th datagram of the batch, valid until the next read.
func (s *socket) datagram(i int) []byte {
	return s.buffer[i*datagramSpace:][:s.headers[i].length]
}

// sender returns who sent the i-th datagram, if that was asked for.
func (s *socket) sender(i int) meta.Sender {
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

// memory asks the kernel for a figure about the socket's memory: struct
// sk_meminfo, SK_MEMINFO_* in linux/sock_diag.h.
func (s *socket) memory(index int) uint32 {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return info[index]
}

// drops returns how many datagrams the kernel has dropped because the buffer
// was full, since the socket was made. The kernel's counter has 32 bits.
func (s *socket) drops() uint32 { return s.memory(8) }

// granted returns the size of the receive buffer as the kernel accounts for
// it, which includes its overhead for each datagram.
func (s *socket) granted() int { return int(s.memory(1)) }

// setBuffer asks for a receive buffer of that many bytes of payload.
func (s *socket) setBuffer(bytes int) error {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) == nil {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

// stop makes a waiting read return, with nothing or an empty datagram.
// Datagrams that are there can still be read.
func (s *socket) stop() {
	if s.given {
		return // the reader looks up by itself
	}
	// It says ENOTCONN, and wakes the reader all the same.
	_ = unix.Shutdown(s.fd, unix.SHUT_RD)
}

// lookUp is how long a read of a given socket waits: to shut such a socket down
// would do that for whoever gets it next, too.
const lookUp = 100 * time.Millisecond

// inherit makes the socket one that others may read before and after.
func (s *socket) inherit() error {
	s.given = true
	limit := unix.NsecToTimeval(int64(lookUp))
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
}

// growBuffer is setBuffer, unless the receive buffer is larger than what can be
// had: systemd may set more than the limit for others.
func (s *socket) growBuffer(bytes int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	probe := &socket{fd: fd}
	defer func() { _ = probe.close() }()
	if err := probe.setBuffer(bytes); err != nil || probe.granted() <= s.granted() {
		return err
	}
	return s.setBuffer(bytes)
}

// port returns the port it is bound to.
func (s *socket) port() int {
	address, err := unix.Getsockname(s.fd)
	if err != nil {
		return 0
	}
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return 0
}

func (s *socket) close() error { return os.NewSyscallError("close", unix.Close(s.fd)) }

// sharePort lets several sockets of this process have one port.
func sharePort(fd uintptr) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// stampStream makes reads from a connection tell when the bytes arrived.
func stampStream(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) // without it, the time of reading counts
}

// reading is what a read from a connection needs: memory that does not move.
type reading struct {
	vector  unix.Iovec
	header  unix.Msghdr
	arrival arrival
}

// now reads what a connection holds, EAGAIN if nothing. at is when the last of it arrived, in
// Unix nanoseconds: 0 if that is not known.
func (r *reading) now(fd uintptr, b []byte) (n int, at int64, err error) {
	r.vector.Base = &b[0]
	r.vector.SetLen(len(b))
	r.header = unix.Msghdr{Iov: &r.vector, Control: (*byte)(unsafe.Pointer(&r.arrival))}
	r.header.SetIovlen(1)
	for {
		r.header.SetControllen(int(unsafe.Sizeof(r.arrival)))
		got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.header)), unix.MSG_DONTWAIT)
		runtime.KeepAlive(r)
		switch errno {
		case 0:
			if r.header.Controllen > 0 {
				at = r.arrival.at()
			}
			return int(got), at, nil
		case unix.EINTR:
		default:
			return 0, 0, errno
		}
	}
}

// unread returns how many bytes the kernel holds of a TCP connection, 0 where it
// does not say. See tcp(7), SIOCINQ.
func unread(fd uintptr) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
