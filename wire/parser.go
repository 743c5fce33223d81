// Package wire reads and writes statsd lines: a Parser takes samples out of
// received bytes, and Append writes a sample as a line.
//
// # Lines
//
//	name:value|type[|section...][:value|type[|section...]...]
//
// A newline ends a line. A carriage return before it is dropped, and lines of
// white space only are ignored. A line may hold several samples of one name
// (a:1|c:2|c), and several values that share a type and sections
// (a:1:2:3|ms|@0.5). The types are c and m (counter), g (gauge), ms, h and d
// (timer), and s (set). Sections are a rate (@0.5) and DogStatsD's: tags
// (#k:v), origin (c:), external data (e:), cardinality (card:) and timestamp (T).
// Tags are dropped unless there is a Tagger. The others are ignored. Events
// (_e{...}) and service checks (_sc|...) are not samples.
//
// docs/lines.md has all rules. Parser.Dialect chooses between them where statsds
// differ.
//
// # Faults
//
// A bad sample does not affect others: Next reports it with its reason, and
// goes on with the next value. The cost is linear in the number of bytes.
// Nothing is allocated. Samples borrow the bytes that they were parsed from, or
// the Tagger's if their names have tags.
package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// Item is the kind of thing that Next found.
type Item uint8

// The items.
const (
	End     Item = iota // nothing more in these bytes
	Sample              // a good sample, stored where Next was told
	Discard             // a bad sample: see Reason and Line
	Event               // an event or a service check of DogStatsD
)

// Parser returns the samples in a buffer one by one:
//
//	p.Reset(datagram)
//	for item := p.Next(&s); item != wire.End; item = p.Next(&s) {
//		...
//	}
//
// The zero Parser is ready to use. It is for one goroutine at a time.
type Parser struct {
	// AbsoluteSigns makes the sign of a gauge part of its number. Without it a
	// signed value adjusts the gauge.
	AbsoluteSigns bool
	// Dialect chooses the rules for empty values, types, numbers and rates.
	Dialect metric.Dialect
	// Tagger makes tags part of the name. Without it tags after the value are dropped, and others are
	// part of the name.
	Tagger *Tagger
	// KeepTags leaves the tags of a sample as sent, for Tagger.Series: the name of a sample with tags after
	// its value is name:tags.
	KeepTags bool
	// Containers turns the section c:, which DogStatsD's clients send, into a tag container_id. It needs a Tagger.
	Containers bool

	buf   []byte // whole lines not read yet
	line  []byte // the current line, without its line end
	name  []byte // of the current group, with its tags
	tags  []byte // the section of tags without its #, if the group is tagged
	box   []byte // memory for tags with a container
	rest  []byte // the groups of the line after the current one
	group group

	lines, timestamps int
	reason            metric.Reason // of the last Discard
	at                int           // where the line of the last Discard is bad
}

// Reset starts on buf. buf holds complete lines, but the last newline may be missing. The buffer must not change until
// Next has returned End.
func (p *Parser) Reset(buf []byte) {
	p.buf, p.line, p.name, p.rest = buf, nil, nil, nil
	p.group = group{}
	p.lines, p.timestamps = 0, 0
}

// Forget calls the Tagger's Forget in the middle of a buffer. The names of all
// samples so far become invalid. The name of the current group is kept, for its
// next values.
func (p *Parser) Forget() {
	switch {
	case p.Tagger == nil:
	case p.group.values == nil:
		p.Tagger.Forget()
	default:
		p.name = p.Tagger.keep(p.name)
	}
}

// Lines returns the number of lines begun since Reset, without ignored lines.
func (p *Parser) Lines() int { return p.lines }

// Timestamps returns the number of good samples since Reset that had a
// timestamp, which was ignored.
func (p *Parser) Timestamps() int { return p.timestamps }

// Line returns the line of the last item. It borrows the buffer.
func (p *Parser) Line() []byte { return p.line }

// Reason returns why the last Discard was bad.
func (p *Parser) Reason() metric.Reason { return p.reason }

// At returns where the line of the last Discard is bad: the index of the first byte of the value, type
// or rate at fault. If something is missing at the end of the line, At returns the length of the line.
func (p *Parser) At() int { return p.at }

// Next finds the next item. It stores a good sample in s. For any other item s
// is undefined.
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

// startLine starts a line that is not plain (see plain). colon is the index of its first colon, negative if there is
// none.
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

// discard reports a bad sample. at begins with the first bad byte of the line.
func (p *Parser) discard(r metric.Reason, at int) Item {
	p.reason, p.at = r, at
	return Discard
}

// offset returns the index in the line at which b starts. b must be a part of the line.
func (p *Parser) offset(b []byte) int { return cap(p.line) - cap(b) }

// value takes the next value of the group.
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

// emptyMember is the member that Etsy's statsd uses for an empty set member.
var emptyMember = []byte("0")

// takesEmpty reports whether an empty value is valid in the dialect. In gstatsd's dialect only the last value of a
// group may be empty.
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
