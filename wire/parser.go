// Package wire is the statsd line grammar, both ways: a Parser takes samples
// out of received bytes, Append writes a sample as a line.
//
// # Lines
//
//	name:value|type[|@rate][:value|type[|@rate]...][|#tags|c:id|T...]
//
// Lines are separated by a newline; a carriage return before it is dropped,
// and lines of white space only are ignored. A line may hold several samples
// of one name (a:1|c:2|c), and several values that share what follows
// (a:1:2:3|ms|@0.5). Types are c and m (counter), g (gauge), ms, h and d
// (timer), and s (set). Tags, container ids (c:) and timestamps (T) are
// sections of their own: they are passed over, but for tags where there is a
// Tagger, and nothing after them starts a new value. Events (_e{...}) and service checks (_sc|...) are no samples.
//
// # Faults
//
// A bad sample costs no other: it is reported with its reason, and parsing
// goes on with the next value. The cost is linear in the bytes given; nothing
// is allocated, and samples borrow the bytes they were parsed from, names with
// tags the Tagger's.
package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// Item says what Next found.
type Item uint8

// What Next can find.
const (
	End     Item = iota // nothing more in these bytes
	Sample              // a good sample, stored where Next was told
	Discard             // a bad sample: see Reason and Line
	Event               // an event or a service check
)

// Parser takes the samples out of a buffer one by one:
//
//	p.Reset(datagram)
//	for item := p.Next(&s); item != wire.End; item = p.Next(&s) {
//		...
//	}
//
// The zero Parser is ready to use, by one goroutine at a time.
type Parser struct {
	// AbsoluteSigns makes a gauge's sign a part of its number. By default a
	// signed value adjusts the gauge.
	AbsoluteSigns bool
	// Dialect says what an empty value means.
	Dialect metric.Dialect
	// Tagger makes tags a part of the name. Without one they are dropped.
	Tagger *Tagger

	buf   []byte // what has not been read: whole lines
	line  []byte // the line being read, without its line end
	name  []byte // of the group, with its tags
	tags  []byte // the group's, if it is tagged: a section without its #
	rest  []byte // of the line: the groups that follow the one being read
	group group
	lines int
	// reason is that of the last Discard.
	reason metric.Reason
}

// group is values that share a type, a rate and tags: 1:2:3|ms|@0.5.
type group struct {
	values []byte // what is left of them; nil when none is
	packed bool   // a colon parts two values
	kind   metric.Kind
	tagged bool
	lost   bool // tags were dropped
	millis bool // the type is ms
	weight float64
	fault  metric.Reason // what is wrong with all of them
}

// Reset starts on buf, which holds whole lines (the last may lack its newline)
// and must not change until the parser has come to its end.
func (p *Parser) Reset(buf []byte) {
	p.buf, p.line, p.name, p.rest = buf, nil, nil, nil
	p.group = group{}
	p.lines = 0
}

// Forget is the Tagger's, amid what is parsed: it ends the names of the samples so far. That
// of values which are still to come stays.
func (p *Parser) Forget() {
	switch {
	case p.Tagger == nil:
	case p.group.values == nil:
		p.Tagger.Forget()
	default:
		p.name = p.Tagger.keep(p.name)
	}
}

// Lines returns the number of lines begun since Reset; ignored ones do not
// count.
func (p *Parser) Lines() int { return p.lines }

// Line returns the line that the last item came from. It borrows the buffer.
func (p *Parser) Line() []byte { return p.line }

// Reason returns why the last Discard was one.
func (p *Parser) Reason() metric.Reason { return p.reason }

// Next finds the next item. It stores a good sample in s; after anything else
// s is undefined.
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
		if colon > 0 && line[0] != '_' && (p.Tagger == nil || bytes.IndexByte(line[:colon], ';') < 0) && plain(s, line[colon+1:]) {
			p.lines++
			s.Name = line[:colon]
			return Sample
		}
		if blank(line) {
			continue
		}
		p.lines++
		return p.startLine(s, colon)
	}
	return End
}

// plain reads the commonest rests of a line: an unsigned number of at most 15
// digits, or a set's member, with a type and nothing behind it. It reports
// false, having changed nothing that counts, when the rest is anything else.
func plain(s *metric.Sample, rest []byte) bool {
	n := len(rest)
	if n < 3 {
		return false
	}
	end := n - 2
	switch rest[n-1] {
	case 'c', 'm':
		s.Kind = metric.Counter
	case 'g':
		s.Kind = metric.Gauge
	case 'h', 'd':
		s.Kind, s.Millis = metric.Timer, false
	case 's':
		if rest[n-2] == '|' {
			if bytes.IndexByte(rest[:n-2], '|') >= 0 {
				return false
			}
			s.Kind, s.Member = metric.Set, rest[:n-2]
			s.Delta, s.TagsDropped, s.Weight = false, false, 1
			return true
		}
		if rest[n-2] != 'm' {
			return false
		}
		s.Kind, s.Millis = metric.Timer, true
		end--
	default:
		return false
	}
	if end < 1 || end > 15 || rest[end] != '|' {
		return false
	}
	v := uint64(0)
	for _, c := range rest[:end] {
		d := c - '0'
		if d > 9 {
			return false
		}
		v = v*10 + uint64(d)
	}
	s.Value = float64(v)
	s.Delta, s.TagsDropped, s.Weight = false, false, 1
	return true
}

// startLine begins a line that is not plain; colon is the place of its first
// colon, or negative.
func (p *Parser) startLine(s *metric.Sample, colon int) Item {
	switch {
	case bytes.HasPrefix(p.line, []byte("_e{")), bytes.HasPrefix(p.line, []byte("_sc|")):
		return Event
	case colon < 0:
		return p.discard(metric.NoValue)
	}
	p.name = p.line[:colon]
	p.readGroup(p.line[colon+1:])
	return p.value(s)
}

func (p *Parser) discard(r metric.Reason) Item {
	p.reason = r
	return Discard
}

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
	empty := len(v) == 0
	if empty && (p.Dialect != metric.Gstatsd || g.values != nil || g.kind == metric.Set) {
		return p.discard(metric.NoValue)
	}
	if g.fault != metric.None {
		return p.discard(g.fault)
	}
	s.Name, s.Kind, s.Weight, s.TagsDropped, s.Delta = p.name, g.kind, g.weight, g.lost, false
	s.Millis = g.millis
	if g.kind == metric.Set {
		s.Member = v
		return Sample
	}
	if empty {
		s.Value = 1
		if g.kind == metric.Timer {
			s.Value = 0
		}
		return Sample
	}
	var ok bool
	if s.Value, ok = number(v); !ok || !finite(s.Value*s.Weight) {
		return p.discard(metric.BadValue)
	}
	if g.kind == metric.Gauge && !p.AbsoluteSigns {
		s.Delta = v[0] == '+' || v[0] == '-'
	}
	return Sample
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && (c < '\t' || c > '\r') {
			return false
		}
	}
	return true
}
