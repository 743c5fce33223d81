// Package kernel reads datagrams and connections with system calls. One call reads many datagrams, with their
// times of arrival and their senders.
//
//	s, err := kernel.New(conn)
//	n, err := s.Read(wait)
//	for i := range n {
//		s.Datagram(i), s.Arrived(i), s.Sender(i) // valid until the next Read
//	}
package kernel

const (
	// DatagramOverhead is an estimate of the memory, in bytes, that the kernel charges for a datagram in addition to
	// its payload, for headers and rounding.
	DatagramOverhead = 1024
	// MinDatagram is a safe lower bound, in bytes, for the memory that the kernel charges for a datagram.
	MinDatagram = 256
)
