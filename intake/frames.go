package intake

import (
	"encoding/binary"
	"errors"

	"github.com/statsd-ops/statsd/intake/listen"
)

const (
	// frameHead is the size of a frame's length.
	frameHead = 4
	// maxFrame limits the length of a frame. The end of a longer one cannot be found.
	maxFrame = maxLine
	// unframed is the framing of a stream after a frame of impossible length.
	unframed listen.Framing = "unframed"
)

// errFrame ends a stream.
var errFrame = errors.New("a frame is too long")

// decide decides about the framing by the first bytes, and reports whether there were enough. A frame of
// less than 16 MiB has a 0 as its fourth byte. No line has one.
func (st *stream) decide(buf []byte) bool {
	if len(buf) < frameHead {
		st.keep(buf)
		return false
	}
	st.framing = listen.Lines
	if buf[frameHead-1] == 0 {
		st.framing = listen.DogStatsD
	}
	return true
}

// takeFrames takes whole frames and keeps the rest. It reports whether a frame with lines ended.
func (st *stream) takeFrames(buf []byte, from origin) (ended bool) {
	for len(buf) >= frameHead {
		n := binary.LittleEndian.Uint32(buf)
		if n > maxFrame {
			st.part().Refused[listen.BadFrame]++
			st.framing, buf = unframed, nil
			break
		}
		whole := frameHead + int(n)
		if len(buf) < whole {
			break
		}
		if n > 0 {
			st.lane.parse(&st.parser, buf[frameHead:whole], from)
			ended = true
		}
		buf = buf[whole:]
	}
	st.lane.addPending()
	if ended {
		st.lane.tally.TCPReads++
	}
	st.keep(buf)
	return ended
}
