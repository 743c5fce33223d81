package intake

import (
	"bytes"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/metric"
)

// begin begins a batch: the datagrams of one read, or the lines of one read of a stream. The batch is counted in p. The
// parameter asked is true if the senders of the batch are known. begin returns the lane's probes. The caller passes
// them to the method end, and holds the shard's lock until then.
func (l *lane) begin(p *part, asked bool) *probe.Lane {
	b := &l.before
	l.part, b.datagrams, b.bytes, b.lines = p, l.tally.UDPPackets, l.tally.UDPBytes+l.tally.TCPBytes, l.tally.Lines
	if l.probes != nil {
		l.beginLook(asked)
	}
	return l.probes
}

func (l *lane) beginLook(asked bool) {
	l.before.samples = l.tally.Samples
	l.probes.Begin(time.Now(), asked)
	if l.probes.Empty() { // all probes have ended
		l.probes = nil
	}
}

// end adds the counts of the batch to the listener's counts in l.part, and ends the batch for the
// probes in p.
func (l *lane) end(p *probe.Lane) {
	b, c := &l.before, &l.part.Counts
	c.Datagrams += l.tally.UDPPackets - b.datagrams
	c.Bytes += l.tally.UDPBytes + l.tally.TCPBytes - b.bytes
	c.Lines += l.tally.Lines - b.lines
	if p != nil {
		p.End(time.Now(), int(l.tally.Samples-l.before.samples))
	}
}

// looking reports whether a probe examines the current batch.
func (l *lane) looking() bool { return l.probes != nil && l.probes.Open() }

// showAdded shows the first n pending samples to the probes.
func (l *lane) showAdded(n int) {
	start, asks := time.Now(), l.probes.Asks()
	for i := range n {
		s, from := &l.samples[i], l.from
		from.datagram = int(l.places[i])
		e := probe.Event{
			Kind: s.Kind, Name: l.shownName(s), Line: l.lines[i], Reason: l.reasons[i], Arrived: s.At, Over: from.over(),
		}
		if asks {
			e.Sender = from.sender()
		}
		l.probes.Note(&e)
	}
	l.probes.Spent(time.Since(start))
}

// showBad tells the probes about a sample that could not be parsed. at is the index of the bad byte in line.
func (l *lane) showBad(reason metric.Reason, line []byte, at int, from origin) {
	start := time.Now()
	name, _, _ := bytes.Cut(line, []byte{':'})
	e := probe.Event{Name: name, Line: line, Reason: reason, At: at, Arrived: from.at, Over: from.over()}
	if l.probes.Asks() {
		e.Sender = from.sender()
	}
	l.probes.Note(&e)
	l.probes.Spent(time.Since(start))
}

func (o origin) over() probe.Transport {
	switch {
	case o.sender().Process().Local:
		return probe.Unix
	case o.socket != nil:
		return probe.UDP
	case o.remote != nil:
		return probe.TCP
	}
	return probe.Pipe
}
