package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// trainSize is the control message of a train. See udp(7), UDP_GRO.
type trainSize struct {
	header unix.Cmsghdr
	size   int32
	_      uint32
}

// WantTrains sets whether the kernel returns trains from now on. A train is a sequence of datagrams of one sender. All
// of them have the same size; only the last one may be shorter. A sender makes a train with UDP_SEGMENT. A network
// driver makes a train from datagrams that come together. Without WantTrains, the kernel splits trains, at more than
// ten times the cost. The reader must call Train for each datagram.
//
// If the kernel does not support trains, nothing changes. An inherited socket gets no trains, because a
// later process might not support them.
func (s *Socket) WantTrains(want bool) {
	if want == s.trains || s.given || s.local != nil || unix.SetsockoptInt(s.fd, unix.SOL_UDP, unix.UDP_GRO, boolint(want)) != nil {
		return
	}
	s.trains = want
	s.wantControls()
}

// Train returns the size of each datagram in the i-th train, or 0 if the i-th datagram is not a train.
func (s *Socket) Train(i int) int {
	if !s.trains {
		return 0
	}
	filled, c := s.headers[i].header.Controllen, &s.controls[i]
	t := &c.train
	switch {
	case filled == 0:
		return 0
	case c.arrival.header.Level == unix.SOL_UDP: // without a time of arrival
		t = (*trainSize)(unsafe.Pointer(c))
	case filled <= uint64(unsafe.Sizeof(c.arrival)):
		return 0
	}
	if t.header.Level != unix.SOL_UDP || t.header.Type != unix.UDP_GRO {
		return 0
	}
	return int(t.size)
}
