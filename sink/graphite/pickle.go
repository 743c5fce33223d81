package graphite

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// Carbon's pickle protocol: frames of a length (four bytes, big-endian) and a pickled list [(path,
// (time, value)), ...]. The opcodes are from Python's pickle protocol 2, see Python's
// Lib/pickletools.py.
const (
	opBegin   = "\x80\x02](" // PROTO 2, EMPTY_LIST, MARK
	opUnicode = 'X'          // BINUNICODE: length (four bytes, little-endian), UTF-8
	opInt     = 'J'          // BININT: four bytes, little-endian
	opLong    = "\x8a\x08"   // LONG1 with eight bytes, little-endian
	opFloat   = 'G'          // BINFLOAT: eight bytes, big-endian
	opTuple2  = '\x86'       // TUPLE2
	opEnd     = "e."         // APPENDS, STOP

	lengthSize = 4

	// frameBytes is the size at which a frame is complete. Carbon closes a connection that sends a frame over 1 MiB
	// (PICKLE_RECEIVER_MAX_LENGTH), and does nothing else while it reads a frame.
	frameBytes = 64 << 10
)

// appendPickled adds p to the last frame of dst, or begins a new frame.
func (s *Sink) appendPickled(dst []byte, p metric.Point) []byte {
	if !sink.CanPlot(p) || !utf8.Valid(p.Path) { // carbon would refuse the whole frame
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

// lastFrame returns the index at which the last frame of a payload begins, or the payload's length if it has no frame.
// A payload has at most about 20 frames.
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
