package server

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// lane takes received bytes to the table: it has a shard of its own, and counts
// what it sees. All it holds is guarded by the shard's lock.
type lane struct {
	shard  *aggregate.Shard
	tagger *wire.Tagger // of all its parsers
	tally  tally        // since the last flush
	bad    *meta.BadLines
	watch  *watch
	ages   ages // of the streams that share the lane
	// offenders are the names that the limits refuse.
	offenders offenders

	// The first pending samples are parsed, and not added yet.
	pending int
	samples [aggregate.BatchSize]metric.Sample
	reasons [aggregate.BatchSize]metric.Reason
	lines   [aggregate.BatchSize][]byte // that they came from
	origins [aggregate.BatchSize]origin
}

// origin is where bytes came from. It is looked up only for a bad line.
type origin struct {
	remote   netip.AddrPort // of a stream
	socket   *socket        // or else the socket that holds the datagram
	datagram int
}

func (o origin) sender() netip.AddrPort {
	from := o.remote
	if o.socket != nil {
		from = o.socket.sender(o.datagram)
	}
	// A socket for both families gives IPv4 senders IPv6 addresses.
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// tally counts what came in.
type tally struct {
	udpPackets, udpBytes     uint64
	tcpConnections, tcpBytes uint64
	tcpReads                 uint64 // that ended a line
	tcpCut                   [cutReasons]uint64
	lines                    uint64
	samples                  uint64 // found in them
	aggregated               uint64
	events                   uint64
	tagsDropped              uint64
	timestampsIgnored        uint64
	batches, badBatches      uint64
	discarded                [metric.Reasons]uint64 // refusals among them
}

func (t *tally) add(o *tally) {
	t.udpPackets += o.udpPackets
	t.udpBytes += o.udpBytes
	t.tcpConnections += o.tcpConnections
	t.tcpBytes += o.tcpBytes
	t.tcpReads += o.tcpReads
	for i, n := range o.tcpCut {
		t.tcpCut[i] += n
	}
	t.lines += o.lines
	t.samples += o.samples
	t.aggregated += o.aggregated
	t.events += o.events
	t.tagsDropped += o.tagsDropped
	t.timestampsIgnored += o.timestampsIgnored
	t.batches += o.batches
	t.badBatches += o.badBatches
	for i, n := range o.discarded {
		t.discarded[i] += n
	}
}

// refused returns the samples that the limits kept out.
func (t *tally) refused() uint64 {
	return t.discarded[metric.RefusedName] + t.discarded[metric.RefusedMember]
}

// discardedSamples returns the samples discarded for any reason.
func (t *tally) discardedSamples() (n uint64) {
	for reason, count := range t.discarded {
		if !metric.Reason(reason).Refusal() {
			n += count
		}
	}
	return n
}

// take adds the samples of whole lines to the table. The shard must be locked.
// It reports whether a line was bad.
func (l *lane) take(p *wire.Parser, buf []byte, from origin) (bad bool) {
	bad = l.parse(p, buf, from)
	return l.addPending() || bad
}

// parse reads whole lines. The last of their samples stay pending: buf must
// not change until addPending.
func (l *lane) parse(p *wire.Parser, buf []byte, from origin) (bad bool) {
	if l.watch.on() {
		l.watch.lines(buf)
	}
	p.Reset(buf)
	for {
		n := l.pending
		switch p.Next(&l.samples[n]) {
		case wire.Sample:
			l.tally.samples++
			l.lines[n], l.origins[n] = p.Line(), from
			if l.pending++; l.pending == len(l.samples) {
				bad = l.add() || bad
				p.Forget()
			}
		case wire.Event:
			l.tally.events++
		case wire.Discard:
			l.tally.samples++
			bad = l.discard(p.Reason(), p.Line(), from) || bad
		case wire.End:
			l.tally.lines += uint64(p.Lines())
			l.tally.timestampsIgnored += uint64(p.Timestamps())
			return bad
		}
	}
}

// pend makes a sample pending whose name is as it was sent. There must be room. It stands
// for a line.
func (l *lane) pend(s metric.Sample, line []byte) {
	l.tally.samples++
	if l.tagger != nil {
		var ok bool
		if s.Name, s.TagsDropped, ok = l.tagger.Name(s.Name, nil); !ok {
			l.discard(metric.TooLong, line, origin{})
			return
		}
	}
	l.samples[l.pending], l.lines[l.pending], l.origins[l.pending] = s, line, origin{}
	l.pending++
}

// addPending adds the pending samples to the table when all is parsed. It reports whether
// a line of theirs was bad.
func (l *lane) addPending() (bad bool) {
	bad = l.add()
	l.tagger.Forget()
	return bad
}

// add adds the pending samples to the table.
func (l *lane) add() (bad bool) {
	n := l.pending
	l.pending = 0
	l.shard.AddAll(l.samples[:n], l.reasons[:n])
	for i, reason := range l.reasons[:n] {
		if l.samples[i].TagsDropped {
			l.tally.tagsDropped++
		}
		switch {
		case reason == metric.None:
			l.tally.aggregated++
		case reason.Refusal():
			l.tally.discarded[reason]++
			l.offenders.note(reason, l.samples[i].Name)
		default:
			bad = l.discard(reason, l.lines[i], l.origins[i]) || bad
		}
	}
	return bad
}

// discard counts a sample that was not added, and keeps its line for people to
// see. It reports whether that was the sender's fault.
func (l *lane) discard(reason metric.Reason, line []byte, from origin) bool {
	l.tally.discarded[reason]++
	b := meta.BadLine{Time: time.Now(), Sender: from.sender(), Reason: reason.String(), Line: line}
	l.bad.Add(b)
	l.watch.discard(b)
	return true
}

// takeDatagram takes a datagram's lines. What comes of it may stay pending
// until addPending. It reports whether a line was bad.
func (l *lane) takeDatagram(p *wire.Parser, datagram []byte, from origin) (bad bool) {
	l.tally.udpPackets++
	l.tally.udpBytes += uint64(len(datagram))
	if bytes.IndexByte(datagram, '\n') < 0 {
		// Samples that come one in a datagram are best added together too.
		return l.parse(p, datagram, from)
	}
	before := l.addPending()
	bad = l.take(p, datagram, from)
	if p.Lines() > 1 {
		l.tally.batches++
		if bad {
			l.tally.badBatches++
		}
	}
	return bad || before
}

// broken counts a line of a stream that cannot be parsed, whose start is given.
func (l *lane) broken(why metric.Reason, start []byte, from origin) {
	l.tally.lines++
	l.tally.samples++
	l.discard(why, start[:min(len(start), meta.QuoteLimit+1)], from)
}

// lastLine returns how much of buf is whole lines.
func lastLine(buf []byte) int { return bytes.LastIndexByte(buf, '\n') + 1 }
