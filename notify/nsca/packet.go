package nsca

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The init packet, which the daemon sends first: an initialisation vector and the daemon's time.
const (
	ivSize   = 128
	initSize = ivSize + 4
)

// The packet that the client sends is a big-endian C struct, with two bytes of padding after the version and two bytes
// at the end:
//
//	0    int16   packet version, 3
//	4    uint32  CRC-32 (IEEE) of the whole packet, with zero in this field
//	8    uint32  the time in the init packet
//	12   int16   state
//	14   [64]    host, NUL-terminated like the other texts
//	78   [128]   service
//	206  [4096]  text; [512] before NSCA 2.9
//
// The layout was compared to packets of send_nsca 2.10.2: see testdata.
const (
	packetVersion = 3

	crcOffset     = 4
	timeOffset    = 8
	stateOffset   = 12
	hostOffset    = 14
	hostSize      = 64
	serviceOffset = hostOffset + hostSize
	serviceSize   = 128
	textOffset    = serviceOffset + serviceSize

	packetSize       = textOffset + 4096 + 2
	legacyPacketSize = textOffset + 512 + 2
)

// result is the result of a passive check. Its strings must fit into the packet and contain no control
// characters.
type result struct {
	time    uint32
	state   uint16
	host    string
	service string
	text    string
}

// put writes r into a packet of the current or the legacy size. Unused bytes keep their random content, because known
// content would weaken the encryption.
func (r result) put(packet []byte) {
	binary.BigEndian.PutUint16(packet, packetVersion)
	binary.BigEndian.PutUint32(packet[timeOffset:], r.time)
	binary.BigEndian.PutUint16(packet[stateOffset:], r.state)
	putString(packet[hostOffset:], r.host)
	putString(packet[serviceOffset:], r.service)
	putString(packet[textOffset:], r.text)

	binary.BigEndian.PutUint32(packet[crcOffset:], 0)
	binary.BigEndian.PutUint32(packet[crcOffset:], crc32.ChecksumIEEE(packet))
}

func putString(field []byte, s string) {
	field[copy(field, s)] = 0
}

// textLimit returns the maximum number of text bytes in a packet of this size.
func textLimit(packetSize int) int {
	return packetSize - 2 - textOffset - 1
}

// cleanText returns s in a form that Nagios can display, with at most the number of bytes in the
// parameter limit. It replaces line ends. It also replaces vertical bars, because Nagios parses the
// text after a bar as performance data.
func cleanText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case r == '|', unicode.IsControl(r):
			return ' '
		}
		return r
	}, s)
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
