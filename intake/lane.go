package intake

import (
	"bytes"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// lane adds received lines to the table. It has its own shard of the table and its own counts. The
// shard's lock guards all fields.
type lane struct {
	shard  *aggregate.Shard
	tagger *wire.Tagger     // keeps tags as sent; all parsers of the lane share it
	names  *naming.Resolver // finds the stored name of a sample, for messages; nil if names are only cleaned
	parser wire.Parser      // each source of lines uses a copy of this parser
	tally  Tally            // counts since the last flush
	bad    *meta.BadLines
	watch  *watch
	trace  *tracing     // nil unless a Trace runs
	shows  bool         // true if watch or trace needs the received lines
	parts  []part       // one part for each listener, indexed by the listener's number
	peers  *peers.Table // the processes that send over unix sockets; all lanes share this table
	own    part         // counts lines from stat pipes and Inject, which have no listener
	part   *part        // part of the listener that the current batch comes from
	// probes holds this lane's Looks. A Look is one lane's part of a running probe, which examines some of the traffic
	// (see package probe). The field is nil if no probe runs.
	probes *probe.Lane
	before struct{ datagrams, bytes, lines, samples uint64 } // the tally at the start of the current batch
	shown  aggregate.Resolved                                // the result of the last call of shownName
	// offenders finds the name prefixes with the most samples refused by limits.
	offenders offenders

	// pending is the number of samples in the following arrays that are parsed but not added to the
	// table yet.
	pending int
	samples [aggregate.BatchSize]metric.Sample
	reasons [aggregate.BatchSize]metric.Reason
	lines   [aggregate.BatchSize][]byte // the line of each sample
	places  [aggregate.BatchSize]int32  // for each sample, the index of its datagram in the batch of from.socket
	from    origin
}

// part holds a lane's counts for one listener. The shard's lock guards it.
type part struct {
	name string // name of the listener; empty for lines from stat pipes and Inject
	Counts
	ages ages
}

// origin is the source of received bytes: a stream, or one datagram of a batch in a socket. The
// sender is looked up only for a bad line.
type origin struct {
	remote   *meta.Sender   // sender, if the source is a stream
	socket   *kernel.Socket // socket that holds the datagram, if the source is not a stream
	datagram int
	at       int64 // time of arrival in Unix nanoseconds, 0 if unknown
}

func (o origin) sender() meta.Sender {
	switch {
	case o.socket != nil:
		return o.socket.Sender(o.datagram)
	case o.remote != nil:
		return *o.remote
	}
	return meta.Sender{}
}

// take adds the samples of complete lines to the table, and reports whether a line was bad. The
// caller holds the shard's lock.
func (l *lane) take(p *wire.Parser, buf []byte, from origin) (bad bool) {
	bad = l.parse(p, buf, from)
	return l.addPending() || bad
}

// parse reads complete lines. Some samples stay pending, so buf must not change until addPending
// has run.
func (l *lane) parse(p *wire.Parser, buf []byte, from origin) (bad bool) {
	if l.shows {
		l.show(buf)
	}
	p.Reset(buf)
	l.from = from
	for {
		n := l.pending
		switch p.Next(&l.samples[n]) {
		case wire.Sample:
			l.tally.Samples++
			l.samples[n].At = from.at
			l.lines[n], l.places[n] = p.Line(), int32(from.datagram)
			if l.pending++; l.pending == len(l.samples) {
				bad = l.add() || bad
				p.Forget()
			}
		case wire.Event:
			l.tally.Events++
		case wire.Discard:
			if l.looking() { // probes must get the samples in the order of arrival
				bad = l.add() || bad
				p.Forget()
			}
			l.tally.Samples++
			bad = l.reject(fault{p.Reason(), p.At()}, p.Line(), from) || bad
		case wire.End:
			l.tally.Lines += uint64(p.Lines())
			l.tally.TimestampsIgnored += uint64(p.Timestamps())
			return bad
		}
	}
}

// pend adds a sample with an uncleaned name to the pending samples. The caller makes sure that
// there is room for the sample. line is the text to show if the sample is bad.
func (l *lane) pend(s metric.Sample, line []byte) {
	l.tally.Samples++
	if l.tagger != nil && bytes.IndexByte(s.Name, ':') >= 0 { // in a name, a colon starts the tags
		s.Name = bytes.ReplaceAll(s.Name, []byte(":"), nil)
	}
	l.samples[l.pending], l.lines[l.pending], l.places[l.pending], l.from = s, line, 0, origin{}
	l.pending++
}

// addPending adds the samples that are still pending to the table. Call it after the last parse of a batch, before the
// memory of the parsed lines is used again. It reports whether one of their lines was bad.
func (l *lane) addPending() (bad bool) {
	bad = l.add()
	l.tagger.Forget()
	return bad
}

// add adds the pending samples to the table, and reports whether one of their lines was bad.
func (l *lane) add() (bad bool) {
	n := l.pending
	l.pending = 0
	l.shard.AddAll(l.samples[:n], l.reasons[:n])
	added := n
	for i, reason := range l.reasons[:n] {
		if l.samples[i].TagsDropped {
			l.tally.TagsDropped++
		}
		if reason != metric.None {
			added--
			bad = l.refuse(i, reason) || bad
		}
	}
	l.tally.Aggregated += uint64(added)
	if l.looking() {
		l.showAdded(n)
	}
	return bad
}

// refuse counts the i-th pending sample, which the table refused. It reports whether the sender is
// at fault.
func (l *lane) refuse(i int, reason metric.Reason) bool {
	if reason.Refusal() {
		l.tally.Discarded[reason]++
		if reason == metric.RefusedName || reason == metric.RefusedMember {
			l.offenders.note(reason, l.shownName(&l.samples[i]))
		}
		return false
	}
	from := l.from
	from.datagram = int(l.places[i])
	return l.discard(fault{reason: reason}, l.lines[i], from) // in all other cases the name is bad
}

// shownName returns the name to show to people: the name under which a sample is stored, or would
// be stored. Names that are only cleaned are shown as received. The result is valid until the next
// call.
func (l *lane) shownName(s *metric.Sample) []byte {
	if l.names == nil {
		return s.Name
	}
	l.shown = aggregate.Resolved{Name: l.shown.Name[:0]}
	if l.names.Resolve(s.Kind, s.Name, &l.shown); len(l.shown.Name) == 0 {
		return s.Name
	}
	return l.shown.Name
}

// fault says why a line is bad, and at which index.
type fault struct {
	reason metric.Reason
	at     int // index of the bad byte in the line
}

// reject counts a sample that could not be parsed.
func (l *lane) reject(f fault, line []byte, from origin) bool {
	if l.looking() {
		l.showBad(f.reason, line, f.at, from)
	}
	return l.discard(f, line, from)
}

// discard counts a sample that was not added, and keeps its line for the monitor. It reports whether the sender is at
// fault.
func (l *lane) discard(f fault, line []byte, from origin) bool {
	l.tally.Discarded[f.reason]++
	l.part.Bad++
	sender := from.sender()
	if p := sender.Process(); p.Local {
		l.peers.Count(peers.ID{PID: p.PID, UID: p.UID}, time.Now(), peers.Counts{Bad: 1})
	}
	b := meta.BadLine{Time: time.Now(), Sender: sender, Listener: l.part.name, Reason: f.reason.String(), Line: line, At: f.at}
	l.bad.Add(b)
	l.watch.discard(b)
	return true
}

// takeDatagram reads the lines of a datagram, and reports whether a line was bad. Samples may stay
// pending until addPending runs.
func (l *lane) takeDatagram(p *wire.Parser, datagram []byte, from origin) (bad bool) {
	l.tally.UDPPackets++
	l.tally.UDPBytes += uint64(len(datagram))
	if bytes.IndexByte(datagram, '\n') < 0 {
		// Collecting samples in a batch is faster even for datagrams with a single sample.
		return l.parse(p, datagram, from)
	}
	before := l.addPending()
	bad = l.take(p, datagram, from)
	if p.Lines() > 1 {
		l.tally.Batches++
		if bad {
			l.tally.BadBatches++
		}
	}
	return bad || before
}

// broken counts a line in a stream. The line was cut off, or is too long. start is the beginning of
// the line.
func (l *lane) broken(why metric.Reason, start []byte, from origin) {
	l.tally.Lines++
	l.tally.Samples++
	l.reject(fault{why, len(start)}, start, from)
}

// addTo adds the counts of a lane since the last flush to t.
func (l *lane) addTo(t *Tally) {
	t.Add(&l.tally)
	for i := range l.parts {
		if i == len(t.Listeners) {
			t.Listeners = append(t.Listeners, Counts{})
		}
		t.Listeners[i].add(&l.parts[i].Counts)
	}
}

func (l *lane) restart() {
	l.tally = Tally{}
	for i := range l.parts {
		l.parts[i].Counts = Counts{}
	}
}
