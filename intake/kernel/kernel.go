// Package kernel reads datagrams and connections by system calls, many datagrams with one call, with their
// times of arrival and their senders.
//
//	s, err := kernel.New(conn)
//	n, err := s.Read(wait)
//	for i := range n {
//		s.Datagram(i), s.Arrived(i), s.Sender(i) // valid until the next Read
//	}
package kernel

const (
	// DatagramOverhead is about the kernel's charge for a datagram in addition to its bytes, for
	// headers and rounding.
	DatagramOverhead = 1024
	// MinDatagram is the smallest charge for a datagram, in bytes.
	MinDatagram = 256
)
