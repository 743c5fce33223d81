package intake

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

const (
	// maxLine limits the length of a line in a stream, without its newline.
	maxLine = 64 << 10
	// maxTail limits what is kept of a stream: a line too long by one byte, or a frame without its end.
	maxTail = frameHead + maxFrame
	// frameHead is the size of a frame's length.
	frameHead = 4
	// maxFrame limits the length of a frame. The end of a longer one cannot be found.
	maxFrame = maxLine
	// unframed is the framing of a stream after a frame of impossible length.
	unframed listen.Framing = "unframed"
	// drainTime is how long a stream must be silent at shutdown before it counts as read.
	drainTime = 100 * time.Millisecond
	// firstTime is how long after its beginning a stream may send its first bytes at shutdown. The client has
	// connected and is about to send: on a busy machine it is slower than drainTime.
	firstTime = 2 * time.Second
)

// stream is one connection.
type stream struct {
	lane   *lane
	door   *acceptor
	parser wire.Parser
	remote meta.Sender
	peer   *peers.ID // of a unix socket
	// framing is Auto until it is decided.
	framing listen.Framing
	// tail is the beginning of an unfinished line.
	tail []byte
	// skipping says that the current line is too long and already counted.
	skipping bool
	opened   time.Time
	heard    atomic.Bool // it has sent something
	age      age
}

func newStream(c conn, l *lane, door *acceptor) *stream {
	return &stream{
		lane: l, door: door, parser: l.parser, framing: door.Framing, opened: time.Now(),
		remote: meta.SenderOf(c.RemoteAddr()), age: age{conn: c},
	}
}

// local reports whether the stream is a unix socket.
func (st *stream) local() bool { return st.door.Scheme.Local() }

// part returns what the lane has of the stream's listener.
func (st *stream) part() *part { return &st.lane.parts[st.door.number] }

// admit decides whether the stream may send, and returns the connection to read. This is the only place where
// a connection is refused.
func (st *stream) admit(ctx context.Context) (net.Conn, listen.Refusal) {
	a, c := st.door, st.age.conn
	if a.Scheme.Local() {
		peer := kernel.PeerOf(c)
		sender, why := a.admitPeer(st.lane.peers, peer, time.Now(), peers.Counts{Connections: 1})
		if st.remote = sender; peer.Known {
			st.peer = &peer.ID
		}
		if why != listen.Admitted {
			return nil, why
		}
	}
	if a.guard == nil {
		return c, listen.Admitted
	}
	return a.guard.Admit(ctx, c)
}

// refuse counts the stream as a connection that was refused.
func (st *stream) refuse(why listen.Refusal) {
	st.lane.shard.Lock()
	st.lane.tally.TCPConnections++
	st.part().Connections++
	st.part().Refused[why]++
	st.lane.shard.Unlock()
}

// take takes the bytes of a read. In buf they follow the stream's tail. It leaves a new tail. now
// is the time since intake started; at is the time of arrival in Unix nanoseconds, 0 if unknown.
func (st *stream) take(buf []byte, read int, now time.Duration, at int64) {
	if !st.heard.Load() {
		st.heard.Store(true)
	}
	st.lane.shard.Lock()
	defer st.lane.shard.Unlock()
	probes := st.lane.begin(st.part(), true)
	st.lane.tally.TCPBytes += uint64(read)
	ended := st.takeLines(buf, at)
	st.lane.end(probes)
	if st.peer != nil {
		st.lane.peers.Count(*st.peer, time.Now(), peers.Counts{Lines: st.lane.tally.Lines - st.lane.before.lines})
	}
	st.part().ages.note(&st.age, len(st.tail) > 0 || st.skipping, ended, now)
}

// takeLines reports whether a line ended.
func (st *stream) takeLines(buf []byte, at int64) (ended bool) {
	from := origin{remote: &st.remote, at: at}
	if st.framing == listen.Auto && !st.decide(buf) {
		return false
	}
	if st.framing == listen.DogStatsD {
		return st.takeFrames(buf, from)
	}
	if st.skipping {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			return false
		}
		buf, st.skipping, ended = buf[i+1:], false, true
	}
	// Only the line that began in the tail can be too long: the others fit in one read.
	if len(buf) > maxLine {
		if i := bytes.IndexByte(buf, '\n'); i > maxLine {
			st.lane.broken(metric.TooLong, buf[:i], from)
			buf, ended = buf[i+1:], true
		}
	}
	whole := bytes.LastIndexByte(buf, '\n') + 1
	if whole > 0 {
		st.lane.take(&st.parser, buf[:whole], from)
		st.lane.tally.TCPReads++
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

// endBy makes a stream end when it falls silent, or at last. One that has sent nothing yet has firstTime.
func (st *stream) endBy(last time.Time) {
	until := time.Now().Add(drainTime)
	if first := st.opened.Add(firstTime); !st.heard.Load() && until.Before(first) {
		until = first
	}
	if last.Before(until) {
		until = last
	}
	_ = st.age.conn.SetReadDeadline(until)
}

// end takes the last line, which has no newline. It counts only if the sender closed the stream
// properly. Otherwise the rest of the line is unknown and the line is discarded.
func (st *stream) end(whole bool) {
	if len(st.tail) == 0 {
		return
	}
	l := st.lane
	l.shard.Lock()
	defer l.shard.Unlock()
	defer l.end(l.begin(st.part(), true))
	if st.framing == listen.DogStatsD {
		whole = false
	}
	if whole {
		l.take(&st.parser, st.tail, origin{remote: &st.remote})
		return
	}
	l.broken(metric.Unfinished, st.tail, origin{remote: &st.remote})
}

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
