package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// trainSize is the control message of a train (datagrams that the kernel coalesced, UDP_GRO). See udp(7).
type trainSize struct {
	header unix.Cmsghdr
	size   int32
	_      uint32
}

// WantTrains sets whether the kernel may return coalesced packets. A coalesced packet is several datagrams of one
// sender in one message. All its datagrams have the same size, except that the last one may be shorter. Coalesced
// packets come from senders on this host that send GSO packets (UDP_SEGMENT), and from network drivers that join
// datagrams that arrive together. Without WantTrains, the kernel splits coalesced packets into datagrams, at more than
// ten times the cost. After WantTrains, the reader must call Train for each message.
//
// If the kernel does not support UDP_GRO, WantTrains has no effect. An inherited socket gets no coalesced packets,
// because the next process might not support them.
func (s *Socket) WantTrains(want bool) {
	if want == s.trains || s.given || s.local != nil || unix.SetsockoptInt(s.fd, unix.SOL_UDP, unix.UDP_GRO, boolint(want)) != nil {
		return
	}
	s.trains = want
	s.wantControls()
}

// Train returns the size of each datagram in the i-th message, or 0 if the message is not a coalesced packet.
func (s *Socket) Train(i int) int {
	if !s.trains {
		return 0
	}
	filled, c := s.headers[i].header.Controllen, &s.controls[i]
	t := &c.train
	switch {
	case filled == 0:
		return 0
	case c.arrival.header.Level == unix.SOL_UDP: // the kernel reported no time of arrival
		t = (*trainSize)(unsafe.Pointer(c))
	case filled <= uint64(unsafe.Sizeof(c.arrival)):
		return 0
	}
	if t.header.Level != unix.SOL_UDP || t.header.Type != unix.UDP_GRO {
		return 0
	}
	return int(t.size)
}
