// Package wire reads and writes statsd lines. A Parser returns the samples in received bytes. Append writes a sample as
// a line.
//
// # Lines
//
//	name:value|type[|section...][:value|type[|section...]...]
//
// A newline ends a line. A carriage return before the newline is removed. A line that contains only white space is
// ignored. A line may contain several samples of one name, such as a:1|c:2|c, and several values that share a type and
// sections, such as a:1:2:3|ms|@0.5. The types are c and m (counter), g (gauge), ms, h and d (timer), and s (set).
// Sections are a sample rate (@0.5), and the sections of DogStatsD: tags (#k:v), container (c:), external data (e:),
// cardinality (card:) and timestamp (T). Without a Tagger, tags are dropped. Events (_e{...}) and service checks
// (_sc|...) are not samples.
//
// docs/lines.md describes all rules. Where statsd implementations differ, Parser.Dialect selects the rules.
//
// # Faults
//
// A bad sample does not affect other samples: Next reports it with its reason, and continues with the next value. The
// cost is linear in the number of bytes, and nothing is allocated. A sample's slices are subslices of the parsed buffer.
// If a name has tags, the name is in the memory of the Tagger.
package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// Item is the type of what Next has found.
type Item uint8

// The values of Item.
const (
	End     Item = iota // the buffer has no more items
	Sample              // a good sample, which Next has stored
	Discard             // a bad sample; see Reason and Line
	Event               // an event or a service check in DogStatsD's format
)

// Parser returns the samples in a buffer one by one:
//
//	p.Reset(datagram)
//	for item := p.Next(&s); item != wire.End; item = p.Next(&s) {
//		...
//	}
//
// The zero Parser is ready to use. Only one goroutine at a time may use a Parser.
type Parser struct {
	// AbsoluteSigns makes the sign of a gauge's value a part of the number. Without it, a value with a
	// sign adjusts the gauge.
	AbsoluteSigns bool
	// Dialect selects the rules for empty values, types, numbers and rates.
	Dialect metric.Dialect
	// Tagger makes tags a part of the name. Without a Tagger, tags after the value are dropped, and
	// tags in the name are not separated from it.
	Tagger *Tagger
	// KeepTags leaves the tags of a sample as they were sent, for a later call of Tagger.Series. The
	// name of a sample with tags after its value is then NAME:TAGS.
	KeepTags bool
	// Containers makes a tag container_id from the section c: of DogStatsD's clients. It needs a
	// Tagger.
	Containers bool

	buf   []byte // complete lines that were not read yet
	line  []byte // the current line without its line end
	name  []byte // name of the current group, with its tags
	tags  []byte // the tags of the current group, without the # of their section; valid only if group.tagged is true
	box   []byte // memory for the tags of a group with a container
	rest  []byte // the groups of the line that follow the current group
	group group

	lines, timestamps int
	reason            metric.Reason // reason of the last Discard
	at                int           // index of the last Discard's bad byte in its line
}

// Reset starts to parse buf. buf contains complete lines; only the last newline may be missing. The
// buffer must not change until Next has returned End.
func (p *Parser) Reset(buf []byte) {
	p.buf, p.line, p.name, p.rest = buf, nil, nil, nil
	p.group = group{}
	p.lines, p.timestamps = 0, 0
}

// Forget calls Tagger.Forget, and can be called before Next has returned End. The names of all
// samples that Next has returned become invalid. If the current group has more values, the Parser
// keeps a copy of its name for these values.
func (p *Parser) Forget() {
	switch {
	case p.Tagger == nil:
	case p.group.values == nil:
		p.Tagger.Forget()
	default:
		p.name = p.Tagger.keep(p.name)
	}
}

// Lines returns the number of lines that Next has begun since Reset. Ignored lines are not counted.
func (p *Parser) Lines() int { return p.lines }

// Timestamps returns the number of good samples since Reset whose timestamp was ignored.
func (p *Parser) Timestamps() int { return p.timestamps }

// Line returns the line of the last item. The result is a subslice of the buffer.
func (p *Parser) Line() []byte { return p.line }

// Reason returns why the sample of the last Discard was bad.
func (p *Parser) Reason() metric.Reason { return p.reason }

// At returns the index in Line of the error that caused the last Discard. It is the index of the
// first byte of the bad value, type or rate. If something is missing at the end of the line, it is
// the length of the line.
func (p *Parser) At() int { return p.at }

// Next finds the next item. If the item is a good sample, Next stores it in s. For any other item
// the content of s is undefined.
func (p *Parser) Next(s *metric.Sample) Item {
	if p.group.values != nil {
		return p.value(s)
	}
	if p.rest != nil {
		p.readGroup(p.rest)
		return p.value(s)
	}
	for len(p.buf) > 0 {
		line := p.buf
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, p.buf = line[:i], line[i+1:]
		} else {
			p.buf = nil
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		p.line = line
		colon := bytes.IndexByte(line, ':')
		if colon > 0 && line[0] != '_' && (p.Tagger == nil || p.KeepTags || !p.Tagger.marked(line[:colon])) && plain(s, line[colon+1:]) {
			p.lines++
			s.Name = line[:colon]
			return Sample
		}
		if colon > 0 && line[0] != '_' && (p.Tagger == nil || p.KeepTags) {
			if section := plainTagged(s, line[colon+1:]); section != nil {
				p.lines++
				if s.Name = line[:colon]; p.Tagger != nil {
					s.Name, s.TagsDropped = p.Tagger.join(s.Name, section), false
				}
				return Sample
			}
		}
		if blank(line) {
			continue
		}
		p.lines++
		return p.startLine(s, colon)
	}
	return End
}

// startLine starts a line that the function plain cannot parse. colon is the index of the first
// colon in the line. It is negative if there is none.
func (p *Parser) startLine(s *metric.Sample, colon int) Item {
	switch {
	case bytes.HasPrefix(p.line, []byte("_e{")), bytes.HasPrefix(p.line, []byte("_sc|")):
		return Event
	case colon < 0:
		return p.discard(metric.NoValue, len(p.line))
	}
	p.name = p.line[:colon]
	p.readGroup(p.line[colon+1:])
	return p.value(s)
}

// discard reports a bad sample. at is the index of the first bad byte in the line.
func (p *Parser) discard(r metric.Reason, at int) Item {
	p.reason, p.at = r, at
	return Discard
}

// offset returns the index in the line at which b starts. b must be a subslice of the line.
func (p *Parser) offset(b []byte) int { return cap(p.line) - cap(b) }

// value parses the next value of the current group.
func (p *Parser) value(s *metric.Sample) Item {
	g := &p.group
	v := g.values
	g.values = nil
	if g.packed {
		if i := bytes.IndexByte(v, ':'); i >= 0 {
			v, g.values = v[:i], v[i+1:]
		}
	}
	if len(v) == 0 && !p.takesEmpty() {
		return p.discard(metric.NoValue, p.offset(v))
	}
	if g.fault != metric.None {
		return p.discard(g.fault, g.at)
	}
	s.Name, s.Kind, s.Weight, s.TagsDropped = p.name, g.kind, g.weight, g.lost
	s.Millis, s.Delta, s.Signed = g.millis, false, false
	switch {
	case g.kind == metric.Set:
		if s.Member = v; len(v) == 0 {
			s.Member = emptyMember
		}
	case len(v) == 0:
		if s.Value = 1; g.kind == metric.Timer {
			s.Value = 0
		}
	default:
		var ok bool
		if s.Value, ok = number(v); !ok {
			s.Value, ok = p.otherNumber(v)
		}
		if !ok || !finite(s.Value*s.Weight) {
			return p.discard(metric.BadValue, p.offset(v))
		}
		if g.kind == metric.Gauge {
			s.Signed = v[0] == '+' || v[0] == '-'
			s.Delta = s.Signed && !p.AbsoluteSigns
		}
	}
	if g.timed {
		p.timestamps++
	}
	return Sample
}

// emptyMember is the member that Etsy's statsd adds for an empty value of a set.
var emptyMember = []byte("0")

// takesEmpty reports whether the dialect accepts an empty value at the current position. In
// gstatsd's dialect only the last value of a group may be empty.
func (p *Parser) takesEmpty() bool {
	isSet := p.group.kind == metric.Set
	switch p.Dialect {
	case metric.Gstatsd:
		return p.group.values == nil && !isSet
	case metric.Etsy:
		return isSet
	}
	return false
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && (c < '\t' || c > '\r') {
			return false
		}
	}
	return true
}
