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
	// maxTail limits the stored bytes of a stream. They are the beginning of a line, which has at most maxLine bytes,
	// or an incomplete frame, which can be longer.
	maxTail = frameHead + maxFrame
	// frameHead is the number of bytes in which a frame states its length.
	frameHead = 4
	// maxFrame limits the length of a frame. After a longer frame, the rest of the stream is ignored.
	maxFrame = maxLine
	// unframed is the framing after a frame with an impossible length: the rest of the stream is
	// ignored.
	unframed listen.Framing = "unframed"
	// drainTime is how long a stream must be silent at shutdown before the daemon stops reading it.
	drainTime = 100 * time.Millisecond
	// firstTime is how long the daemon waits at shutdown for the first bytes of a new stream, counted from the
	// start of the stream. The client of a new stream probably sends soon, but on a busy machine the first
	// bytes can take longer than drainTime.
	firstTime = 2 * time.Second
)

// stream is one connection and the state of reading it.
type stream struct {
	lane   *lane
	door   *acceptor
	parser wire.Parser
	remote meta.Sender
	peer   *peers.ID // the process at the other end of a unix socket
	// framing is Auto until the first bytes have been read.
	framing listen.Framing
	// tail is the beginning of an unfinished line, or of an incomplete frame.
	tail []byte
	// skipping says that the current line is too long and is already counted as discarded.
	skipping bool
	opened   time.Time
	heard    atomic.Bool // whether the client has sent any bytes
	at       int64       // time when the last bytes arrived in Unix nanoseconds, 0 if unknown
	age      age
	socket   *tlsSocket // nil without TLS
}

func newStream(c conn, l *lane, door *acceptor) *stream {
	return &stream{
		lane: l, door: door, parser: l.parser, framing: door.Framing, opened: time.Now(),
		remote: meta.SenderOf(c.RemoteAddr()), age: age{conn: c},
	}
}

// local reports whether the stream is a unix socket.
func (st *stream) local() bool { return st.door.Scheme.Local() }

// part returns the counts that the stream's lane keeps for the stream's listener.
func (st *stream) part() *part { return &st.lane.parts[st.door.number] }

// admit decides whether the stream may send, and returns the connection to read. Only this function
// refuses connections.
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
	if a.Scheme != listen.TLS {
		return a.guard.Admit(ctx, c)
	}
	under, err := newTLSSocket(c)
	if err != nil {
		return nil, listen.Handshake
	}
	st.socket = under
	decrypted, why := a.guard.Admit(ctx, under)
	under.admitted = why == listen.Admitted
	return decrypted, why
}

// refuse counts the stream as a refused connection.
func (st *stream) refuse(why listen.Refusal) {
	st.lane.shard.Lock()
	st.lane.tally.TCPConnections++
	st.part().Connections++
	st.part().Refused[why]++
	st.lane.shard.Unlock()
}

// take adds the lines of one read. buf contains the stream's old tail, and after it the bytes of this read. The
// parameter read is the number of bytes of this read. The bytes after the last complete line become the new tail. now
// is the time since intake started. at is the time of arrival in Unix nanoseconds, or 0 if it is unknown.
func (st *stream) take(buf []byte, read int, now time.Duration, at int64) {
	if !st.heard.Load() {
		st.heard.Store(true)
	}
	st.lane.shard.Lock()
	defer st.lane.shard.Unlock()
	st.at = at
	probes := st.lane.begin(st.part(), true)
	st.lane.tally.TCPBytes += uint64(read)
	ended := st.takeLines(buf, at)
	st.lane.end(probes)
	if st.peer != nil {
		st.lane.peers.Count(*st.peer, time.Now(), peers.Counts{Lines: st.lane.tally.Lines - st.lane.before.lines})
	}
	st.part().ages.note(&st.age, len(st.tail) > 0 || st.skipping, ended, now)
}

// takeLines adds the complete lines in buf, and reports whether buf contained the end of a line.
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
	// Only the line that began in the old tail can be too long, because all other lines fit into one
	// read.
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

func (st *stream) keep(rest []byte) {
	const small = 4 << 10
	if len(rest) == 0 && cap(st.tail) > small {
		st.tail = nil
	}
	st.tail = append(st.tail[:0], rest...)
}

// endBy makes a stream end when it has been silent for drainTime, but not later than last. A stream that has sent
// nothing yet may be silent for firstTime.
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

// end adds the last line of a stream, which has no newline. The line counts only if the sender
// closed the stream properly. If the connection broke, the line may be incomplete, so it is
// discarded.
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
		l.take(&st.parser, st.tail, origin{remote: &st.remote, at: st.at})
		return
	}
	l.broken(metric.Unfinished, st.tail, origin{remote: &st.remote})
}

// errFrame is the error of a stream after a frame that is too long.
var errFrame = errors.New("a frame is too long")

// decide chooses the framing from the first bytes of a stream, and reports whether there were
// enough bytes to choose. Lines contain no zero byte. The fourth byte of a frame is zero if the
// frame is shorter than 16 MiB.
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

// takeFrames adds the lines of the complete frames, and stores the bytes after the last complete
// frame. It reports whether buf contained a complete frame that was not empty.
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
