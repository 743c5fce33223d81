package intake

import (
	"bytes"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/metric"
)

// begin begins a batch: the datagrams of one read, or the lines of one read of a stream. asked says
// that their senders are known. end must get the result. Without probes both cost one load. The
// caller holds the shard's lock.
func (l *lane) begin(asked bool) *probe.Lane {
	if l.probes != nil {
		l.beginLook(asked)
	}
	return l.probes
}

func (l *lane) beginLook(asked bool) {
	l.before = l.tally.Samples
	l.probes.Begin(time.Now(), asked)
	if l.probes.Empty() { // their time is over
		l.probes = nil
	}
}

// end ends a batch.
func (l *lane) end(p *probe.Lane) {
	if p != nil {
		p.End(time.Now(), int(l.tally.Samples-l.before))
	}
}

// looking reports whether probes look at the running batch.
func (l *lane) looking() bool { return l.probes != nil && l.probes.Open() }

// showAdded shows the first n samples of the pending ones to the probes.
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

// showBad shows a sample to the probes that could not be parsed. at is where its line is bad.
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

// over returns how the bytes came in.
func (o origin) over() probe.Transport {
	switch {
	case o.socket != nil:
		return probe.UDP
	case o.remote.Known():
		return probe.TCP
	}
	return probe.Pipe
}
