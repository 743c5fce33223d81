package graphite

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// Carbon's pickle protocol consists of frames. A frame is a length (four bytes, big-endian) and a pickled list
// [(path, (time, value)), ...]. The opcodes are from version 2 of Python's pickle protocol: see
// Lib/pickletools.py in Python.
const (
	opBegin   = "\x80\x02](" // opcodes PROTO 2, EMPTY_LIST, MARK
	opUnicode = 'X'          // opcode BINUNICODE; a length (four bytes, little-endian) and UTF-8 text follow
	opInt     = 'J'          // opcode BININT; four bytes follow, little-endian
	opLong    = "\x8a\x08"   // opcode LONG1 for eight bytes, little-endian
	opFloat   = 'G'          // opcode BINFLOAT; eight bytes follow, big-endian
	opTuple2  = '\x86'       // opcode TUPLE2
	opEnd     = "e."         // opcodes APPENDS, STOP

	lengthSize = 4

	// frameBytes is the size above which a new frame is started. Carbon closes a connection if a frame is larger
	// than 1 MiB (PICKLE_RECEIVER_MAX_LENGTH). While carbon parses a frame, it does nothing else.
	frameBytes = 64 << 10
)

// appendPickled appends p to the last frame in dst, or to a new frame.
func (s *Sink) appendPickled(dst []byte, p metric.Point) []byte {
	if !sink.CanPlot(p) || !utf8.Valid(p.Path) { // carbon would reject the whole frame
		return dst
	}
	at := lastFrame(dst)
	if len(dst)-at >= frameBytes {
		at = len(dst)
	}
	if at == len(dst) {
		dst = append(dst, "\x00\x00\x00\x00"+opBegin...)
	} else {
		dst = dst[:len(dst)-len(opEnd)]
	}
	dst = append(dst, opUnicode, 0, 0, 0, 0)
	path := len(dst)
	dst = sink.AppendPath(dst, s.cfg.Prefix, p)
	binary.LittleEndian.PutUint32(dst[path-lengthSize:], uint32(len(dst)-path))
	dst = appendPickledInt(dst, p.Time)
	dst = append(dst, opFloat)
	dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(p.Value))
	dst = append(dst, opTuple2, opTuple2)
	dst = append(dst, opEnd...)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-lengthSize))
	return dst
}

func appendPickledInt(dst []byte, n int64) []byte {
	if n == int64(int32(n)) {
		return binary.LittleEndian.AppendUint32(append(dst, opInt), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(dst, opLong...), uint64(n))
}

// lastFrame returns the index of the last frame in a payload. If the payload has no frame, it returns the length
// of the payload. A payload has at most about 20 frames.
func lastFrame(payload []byte) int {
	at := 0
	for len(payload)-at > lengthSize {
		next := at + lengthSize + int(binary.BigEndian.Uint32(payload[at:])&math.MaxInt32)
		if next >= len(payload) {
			return at
		}
		at = next
	}
	return len(payload)
}
