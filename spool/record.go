package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Record is one payload, which will be sent unchanged.
type Record struct {
	// Payload has between 1 byte and MaxPayload bytes. The spool does not interpret it.
	Payload []byte
	// Points is the number of points in the payload, at least 1.
	Points int
	// Time is the time of the points in Unix seconds. The spool stores it but does not use it.
	Time int64
}

// MaxPayload is the maximum size of a record's payload.
const MaxPayload = 16 << 20

// A record on disk, little-endian:
//
//	 0  magic    4 bytes
//	 4  size     uint32, length of the payload
//	 8  points   uint32
//	12  time     int64
//	20  number   uint64, number of its first point; all points of a spool are numbered consecutively
//	28  payload  uint32, CRC-32C of the payload
//	32  header   uint32, CRC-32C of the previous 32 bytes of the record
//	36  the payload
const headerSize = 36

// magic starts with a byte that does not occur in text, and ends with the version of the format.
const magic = "\xd5SP\x01"

// castagnoli is the table for CRC-32C, which CPUs can compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type header struct {
	size   int
	points int
	time   int64
	number uint64
	sum    uint32 // checksum of the payload
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

// parseHeader parses the first headerSize bytes of b. It reports whether they are an intact header.
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
	torn          // the data ends before the end of the record
	damaged       // the checksum is wrong
)

// decode parses the record at the beginning of b. It returns the header even if the payload is torn
// or damaged.
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

// find returns the index in b of the first intact record, or -1 if there is none.
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

// walk calls f with the header of each intact record in the content of a segment, in order. It
// returns the number of bytes outside intact records. tornTail says that these bytes are all at the
// end and are the beginning of one record. A killed process leaves such a record.
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
