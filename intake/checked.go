package intake

import (
	"bytes"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// checked decides which datagrams of a receiver are admitted, and counts the processes that send them. Datagrams are
// refused only here.
type checked struct {
	*listener
	check listen.Check // nil if neither addresses nor signatures are checked
	peers *peers.Table
	now   time.Time            // when the current batch was checked
	batch [kernel.Batch]opened // results for the current batch
}

// newChecked returns nil if the listener admits all datagrams and does not count processes.
func newChecked(l *listener, table *peers.Table) *checked {
	c := &checked{listener: l, peers: table}
	if l.guard != nil {
		c.check = l.guard.Check()
	}
	if c.check == nil && !l.Scheme.Local() {
		return nil
	}
	return c
}

// senders reports whether c needs to know the sender of each datagram.
func (c *checked) senders() bool { return c != nil && (c.Scheme.Local() || c.check.Senders()) }

// opened is the result of checking one datagram.
type opened struct {
	lines   []byte
	refusal listen.Refusal
}

// open checks the datagrams of a batch with the indexes from first up to, but not including, end. The
// caller holds no lock.
func (c *checked) open(s *kernel.Socket, first, end int) {
	c.now = time.Now()
	for i := first; i < end; i++ {
		d := opened{lines: s.Datagram(i)}
		if c.Scheme.Local() {
			var sender meta.Sender
			sender, d.refusal = c.admitPeer(c.peers, s.Peer(i), c.now, peers.Counts{Datagrams: 1})
			s.SetSender(i, sender)
		}
		if c.check != nil && d.refusal == listen.Admitted {
			d.lines, d.refusal = c.check.Open(d.lines, s.Sender(i).Addr(), c.now)
		}
		c.batch[i] = d
	}
}

// take adds the admitted datagrams of a batch to the lane.
func (c *checked) take(r *receiver, first, end int) (size int, bad bool) {
	l, p, s := r.lane, &r.parser, r.socket
	for i := first; i < end; i++ {
		received, d := s.Datagram(i), &c.batch[i]
		size += len(received) + kernel.DatagramOverhead
		from := origin{socket: s, datagram: i, at: s.Arrived(i)}
		lines := l.tally.Lines
		l.tally.UDPBytes += uint64(len(received) - len(d.lines)) // the bytes of the signature; the bytes of the lines are counted below
		switch {
		case !d.refusal.Admits():
			l.tally.UDPPackets++
			l.tally.UDPBytes += uint64(len(d.lines))
		case s.Truncated(i):
			bad = l.takeTruncated(p, d.lines, from) || bad
		default:
			bad = l.takeDatagram(p, d.lines, from) || bad
		}
		if d.refusal != listen.Admitted {
			l.part.Refused[d.refusal]++
		}
		if by := from.sender().Process(); by.Local {
			l.peers.Count(peers.ID{PID: by.PID, UID: by.UID}, c.now, peers.Counts{Lines: l.tally.Lines - lines})
		}
	}
	return size, l.addPending() || bad
}

// takeTruncated adds the complete lines of a datagram that was longer than the receive buffer.
func (l *lane) takeTruncated(p *wire.Parser, lines []byte, from origin) bool {
	whole := bytes.LastIndexByte(lines, '\n') + 1
	l.takeDatagram(p, lines[:whole], from)
	l.broken(metric.TooLong, lines[whole:], from)
	return true
}
