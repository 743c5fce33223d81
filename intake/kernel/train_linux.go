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

// WantTrains sets whether the kernel hands over trains from now on. A train is datagrams of one sender, one
// behind the other. All have one size, only the last one may be shorter. A sender makes a train with
// UDP_SEGMENT, and a network driver makes one of datagrams that come at once. Without this, the kernel takes
// trains apart, at more than ten times the cost. The reader must call Train for each datagram.
//
// The kernel may have no trains; then nothing changes. An inherited socket gets none, because a later process
// might not know them.
func (s *Socket) WantTrains(want bool) {
	if want == s.trains || s.given || s.local != nil || unix.SetsockoptInt(s.fd, unix.SOL_UDP, unix.UDP_GRO, boolint(want)) != nil {
		return
	}
	s.trains = want
	s.wantControls()
}

// Train returns the size of the datagrams in the i-th datagram, or 0 if that is no train.
func (s *Socket) Train(i int) int {
	if !s.trains {
		return 0
	}
	filled, c := s.headers[i].header.Controllen, &s.controls[i]
	t := &c.train
	switch {
	case filled == 0:
		return 0
	case c.arrival.header.Level == unix.SOL_UDP: // there is no time of arrival
		t = (*trainSize)(unsafe.Pointer(c))
	case filled <= uint64(unsafe.Sizeof(c.arrival)):
		return 0
	}
	if t.header.Level != unix.SOL_UDP || t.header.Type != unix.UDP_GRO {
		return 0
	}
	return int(t.size)
}
