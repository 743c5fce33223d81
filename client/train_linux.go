package client

import (
	"encoding/binary"
	"net"
	"strconv"
	"syscall"
)

const (
	solUDP     = 17  // number of SOL_UDP
	udpSegment = 103 // number of UDP_SEGMENT
)

// canCut reports whether the kernel supports UDP_SEGMENT, which Linux has since version 4.18. An older kernel
// would ignore the control message of appendCut, and send all lines in one datagram.
func canCut(conn *net.UDPConn) (can bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		_, err := syscall.GetsockoptInt(int(fd), solUDP, udpSegment)
		can = err == nil
	})
	return can && err == nil
}

// appendCut appends the control message that makes the kernel split a text into datagrams of size bytes. The last
// datagram may be shorter. The message is a struct cmsghdr and a 16-bit number, with padding.
func appendCut(oob []byte, size int) []byte {
	if strconv.IntSize == 64 {
		oob = binary.NativeEndian.AppendUint64(oob, uint64(syscall.CmsgLen(2)))
	} else {
		oob = binary.NativeEndian.AppendUint32(oob, uint32(syscall.CmsgLen(2)))
	}
	oob = binary.NativeEndian.AppendUint32(oob, solUDP)
	oob = binary.NativeEndian.AppendUint32(oob, udpSegment)
	oob = binary.NativeEndian.AppendUint16(oob, uint16(size))
	return append(oob, make([]byte, syscall.CmsgSpace(2)-len(oob))...)
}
