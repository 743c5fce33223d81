package client

import (
	"bytes"
	"net"
	"slices"
	"syscall"
)

const (
	// maxCars is the maximum number of datagrams in a train. Every kernel with UDP_SEGMENT supports this number.
	maxCars = 64
	// maxTrain is the maximum number of bytes in a train. It is less than the maximum UDP payload.
	maxTrain = 60_000
)

// trains sends datagrams for Config.OneLine. A train is what the kernel calls a GSO packet: several datagrams, each with
// one line, that one system call passes to the kernel as one text. The kernel splits the text into datagrams. All
// datagrams have the same size, but the last one may be shorter. See UDP_SEGMENT in udp(7).
type trains struct {
	conn  *net.UDPConn // nil if the kernel cannot split data for this connection
	limit int          // datagrams longer than this are sent one at a time

	order []uint64 // buffer of the method arrange
	text  []byte   // buffer of the method arrange

	// The next GSO packet.
	buf  []byte // text of all datagrams in the packet
	cars int    // number of datagrams
	size int    // size of each datagram except the last one
	oob  []byte // control message that passes the field size to the kernel
}

// use sets the connection to send to.
func (t *trains) use(conn net.Conn) {
	t.conn, t.limit = nil, 0
	if g, ok := conn.(guard); ok {
		conn = g.Conn
	}
	if c, ok := conn.(*net.UDPConn); ok && c != nil && canCut(c) {
		t.conn, t.limit = c, maxTrain
	}
}

// arrange sorts lines by their length, the longest first. Lines whose order matters stay in order, and come after
// all other lines.
func (t *trains) arrange(text []byte) {
	if t.limit == 0 {
		return
	}
	const ordered, longest = 1 << 63, 1 << 30
	t.order, t.text = t.order[:0], t.text[:0]
	for at := 0; at < len(text); {
		size := bytes.IndexByte(text[at:], '\n') + 1
		key := uint64(ordered)
		if commutes(text[at:][:size-1]) {
			key = uint64(longest-size) << 32
		}
		t.order = append(t.order, key|uint64(at))
		at += size
	}
	slices.Sort(t.order)
	for _, key := range t.order {
		line := text[uint32(key):]
		t.text = append(t.text, line[:bytes.IndexByte(line, '\n')+1]...)
	}
	copy(text, t.text)
}

// commutes reports whether a line may be sent before or after any other line. The order of lines matters for gauges,
// and for types that only the server knows.
func commutes(line []byte) bool {
	_, kind, _ := bytes.Cut(line, []byte{'|'})
	kind, _, _ = bytes.Cut(kind, []byte{'|'})
	switch string(kind) {
	case "c", "ms", "h", "d", "s":
		return true
	}
	return false
}

// couple makes the next GSO packet from the first lines of text, and returns the length of these lines
// including their newlines. The parameter sign may be nil.
func (t *trains) couple(text []byte, sign func(line []byte) []byte) (taken int) {
	t.buf, t.cars, t.size = t.buf[:0], 0, 0
	for taken < len(text) && t.cars < maxCars {
		line := text[taken:][:bytes.IndexByte(text[taken:], '\n')]
		datagram := line
		if sign != nil {
			datagram = sign(line)
		}
		size := len(datagram)
		if t.cars == 0 {
			t.size = size
		} else if size > t.size || t.size > t.limit || len(t.buf)+size > maxTrain {
			break
		}
		t.buf = append(t.buf, datagram...)
		t.cars++
		taken += len(line) + 1
		if size < t.size {
			break
		}
	}
	return taken
}

// refused reports whether the kernel refused the whole GSO packet, as opposed to a single datagram. It then reduces
// the limit for later GSO packets, so that the kernel accepts them.
func (t *trains) refused(err error) bool {
	switch {
	case t.cars < 2:
		return false
	// For example, a datagram is longer than the maximum packet size of the route.
	case is(err, syscall.EINVAL, syscall.EMSGSIZE):
		t.limit = t.size - 1
	// The route uses IPsec, or a network driver without checksums.
	case is(err, syscall.EIO, syscall.EOPNOTSUPP, syscall.ENOPROTOOPT):
		t.limit = 0
	default:
		return false
	}
	return true
}

func (t *trains) write(conn net.Conn) (int, error) {
	if t.cars < 2 {
		return conn.Write(t.buf)
	}
	t.oob = appendCut(t.oob[:0], t.size)
	n, _, err := t.conn.WriteMsgUDP(t.buf, t.oob, nil)
	return n, err
}
