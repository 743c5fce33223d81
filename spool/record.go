package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Record is one payload, as it will be sent.
type Record struct {
	// Payload has 1 byte to MaxPayload. The spool does not interpret it.
	Payload []byte
	// Points is the number of points in the payload, at least 1.
	Points int
	// Time is the time of the points in Unix seconds. The spool only stores it.
	Time int64
}

// MaxPayload is the maximum size of a record's payload.
const MaxPayload = 16 << 20

// A record on disk, little-endian:
//
//	 0  magic    4 bytes
//	 4  size     uint32, of the payload
//	 8  points   uint32
//	12  time     int64
//	20  number   uint64, of its first point; all points of a spool are numbered consecutively
//	28  payload  uint32, CRC-32C of the payload
//	32  header   uint32, CRC-32C of the 32 bytes before
//	36  the payload
const headerSize = 36

// magic begins with a byte that no text contains, and ends with the format's version.
const magic = "\xd5SP\x01"

// castagnoli is CRC-32C, which processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type header struct {
	size   int
	points int
	time   int64
	number uint64
	sum    uint32 // of the payload
}

// end is the number after the last point of the record.
func (h header) end() uint64 { return h.number + uint64(h.points) }

func appendRecord(dst []byte, number uint64, r Record) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(r.Payload)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(r.Points))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Time))
	dst = binary.LittleEndian.AppendUint64(dst, number)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(r.Payload, castagnoli))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, r.Payload...)
}

// parseHeader reads the first headerSize bytes of b, and reports whether they are
// a header.
func parseHeader(b []byte) (h header, ok bool) {
	if string(b[:len(magic)]) != magic || crc32.Checksum(b[:32], castagnoli) != binary.LittleEndian.Uint32(b[32:]) {
		return header{}, false
	}
	size, points := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	h = header{
		size:   int(size),
		points: int(points),
		time:   int64(binary.LittleEndian.Uint64(b[12:])),
		number: binary.LittleEndian.Uint64(b[20:]),
		sum:    binary.LittleEndian.Uint32(b[28:]),
	}
	return h, 0 < size && size <= MaxPayload && 0 < points && h.end() > h.number
}

type state int

const (
	intact  state = iota
	torn          // it ends too early
	damaged       // it differs from the written data
)

// decode reads the record at the beginning of b. The header is set unless the header itself is torn or damaged.
func decode(b []byte) (h header, payload []byte, s state) {
	if len(b) < headerSize {
		return h, nil, torn
	}
	h, ok := parseHeader(b)
	if !ok {
		return header{}, nil, damaged
	}
	if len(b)-headerSize < h.size {
		return h, nil, torn
	}
	payload = b[headerSize : headerSize+h.size]
	if crc32.Checksum(payload, castagnoli) != h.sum {
		return h, nil, damaged
	}
	return h, payload, intact
}

// find returns where in b the first intact record begins, or -1.
func find(b []byte) int {
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(magic))
		if i < 0 {
			return -1
		}
		at += i
		if _, _, s := decode(b[at:]); s == intact {
			return at
		}
	}
}

// walk calls f with the header of every intact record in a segment's bytes, in order. It returns the number of bytes
// outside intact records. torn says that all these bytes are the beginning of one last record: a killed process leaves
// such a record.
func walk(b []byte, f func(header)) (skipped int, tornTail bool) {
	for len(b) > 0 {
		h, _, s := decode(b)
		if s == intact {
			f(h)
			b = b[headerSize+h.size:]
			continue
		}
		gap := find(b[1:]) + 1
		if gap == 0 {
			return skipped + len(b), s == torn && skipped == 0
		}
		skipped += gap
		b = b[gap:]
	}
	return skipped, false
}
