package server

import (
	"bytes"
	"github.com/statsd-ops/statsd/metric"
	"time"
)

// take takes what was read, which stands in buf behind the tail that the
// stream had. It leaves a new tail. now is when, since the daemon's start.
func (st *stream) take(buf []byte, read int, now time.Duration) {
	st.lane.shard.Lock()
	defer st.lane.shard.Unlock()
	st.lane.tally.tcpBytes += uint64(read)
	ended := st.takeLines(buf)
	st.lane.ages.note(st, ended, now)
}

// takeLines reports whether a line ended.
func (st *stream) takeLines(buf []byte) (ended bool) {
	from := origin{remote: st.remote}
	if st.skipping {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			return false
		}
		buf, st.skipping, ended = buf[i+1:], false, true
	}
	// Only the line that the tail began can be too long: no other is longer
	// than a read.
	if len(buf) > maxLine {
		if i := bytes.IndexByte(buf, '\n'); i > maxLine {
			st.lane.broken(metric.TooLong, buf[:i], from)
			buf, ended = buf[i+1:], true
		}
	}
	whole := lastLine(buf)
	if whole > 0 {
		st.lane.take(&st.parser, buf[:whole], from)
		st.lane.tally.tcpReads++
		ended = true
	}
	rest := buf[whole:]
	if len(rest) > maxLine {
		st.lane.broken(metric.TooLong, rest, from)
		rest, st.skipping = nil, true
	}
	st.keep(rest)
	return ended
}

// keep copies a new tail.
func (st *stream) keep(rest []byte) {
	const small = 4 << 10
	if len(rest) == 0 && cap(st.tail) > small {
		st.tail = nil
	}
	st.tail = append(st.tail[:0], rest...)
}

// unfinished reports whether a line has begun that has not ended.
func (st *stream) unfinished() bool { return len(st.tail) > 0 || st.skipping }

// end takes the last line, whose newline never came. Unless the sender ended
// the stream there, nobody knows how the line went on, and it is discarded.
func (st *stream) end(whole bool) {
	if len(st.tail) == 0 {
		return
	}
	l := st.lane
	l.shard.Lock()
	defer l.shard.Unlock()
	if whole {
		l.take(&st.parser, st.tail, origin{remote: st.remote})
		return
	}
	l.broken(metric.Unfinished, st.tail, origin{remote: st.remote})
}
