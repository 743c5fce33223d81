package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// group is a sequence of values that share a type, a rate and tags, such as 1:2:3|ms|@0.5.
type group struct {
	values []byte // the values not read yet; nil after the last value
	packed bool   // whether a colon separates two values
	kind   metric.Kind
	rated  bool // whether a rate was read
	timed  bool // whether the group has a timestamp
	tagged bool // whether the group has tags
	lost   bool // whether tags were dropped
	millis bool // whether the type is ms
	// container is the container id in the section c: of the line. It is nil if the id does not become a tag.
	container []byte
	weight    float64
	fault     metric.Reason // the reason why all values of the group are bad; None if there is no such reason
	at        int           // index of the bad byte in the line
}

// readGroup reads a group: values, a type and sections. The group follows the name or the previous
// group. readGroup stores the start of the next group in p.rest.
func (p *Parser) readGroup(b []byte) {
	g := &p.group
	*g = group{weight: 1}
	p.rest = nil

	bar := bytes.IndexByte(b, '|')
	if bar < 0 { // without a type, colons do not separate values: the text is a single value
		g.values, g.fault, g.at = b, metric.BadType, len(p.line)
		return
	}
	g.values, b = b[:bar], b[bar+1:]
	end := sectionEnd(b, true)
	var known bool
	if g.kind, known = kindOf(b[:end]); !known {
		if g.kind, known = p.otherKind(b[:end]); !known {
			g.fault, g.at = metric.BadType, p.offset(b)
		}
	}
	g.packed = g.kind != metric.Set
	g.millis = g.kind == metric.Timer && bytes.IndexByte(b[:end], 'm') >= 0
	p.readSections(b[end:])
	if p.Tagger != nil && g.fault == metric.None {
		p.nameGroup()
	}
}

// nameGroup makes the group's name from the name as sent and the tags.
func (p *Parser) nameGroup() {
	g, sent := &p.group, p.line[:bytes.IndexByte(p.line, ':')]
	p.name = sent
	if g.container != nil {
		p.tagContainer()
	}
	if p.KeepTags {
		if g.tagged {
			p.name = p.Tagger.join(sent, p.tags)
		}
		return
	}
	if !g.tagged {
		p.tags = nil
		if !p.Tagger.marked(sent) {
			return
		}
	}
	name, lost, fault := p.Tagger.Name(sent, p.tags)
	if fault != metric.None {
		g.fault, g.at = fault, 0
		return
	}
	p.name, g.lost = name, g.lost || lost
}

func kindOf(letters []byte) (kind metric.Kind, known bool) {
	switch string(letters) {
	case "c", "m":
		return metric.Counter, true
	case "g":
		return metric.Gauge, true
	case "ms", "h", "d":
		return metric.Timer, true
	case "s":
		return metric.Set, true
	}
	return 0, false
}

// readSections reads the sections after a type. b is empty, or starts with a bar or a colon.
func (p *Parser) readSections(b []byte) {
	colonEnds := true // whether a colon ends a section; false after a section that may contain colons
	for len(b) > 0 {
		if b[0] == ':' {
			p.rest = b[1:]
			return
		}
		b = b[1:]
		if colonEnds && len(b) > 0 && b[0] != '@' {
			colonEnds = !ownsColons(b)
		}
		end := sectionEnd(b, colonEnds)
		p.readSection(b[:end])
		b = b[end:]
	}
}

func (p *Parser) readSection(section []byte) {
	g := &p.group
	if len(section) == 0 {
		return
	}
	switch section[0] {
	case '#':
		if len(section) > 1 {
			tags := section[1:]
			switch {
			case p.Tagger == nil:
				g.lost = true
			case g.tagged:
				tags, g.lost = p.Tagger.second(p.tags, tags)
			}
			g.tagged, p.tags = true, tags
		}
	case '@':
		p.readRate(section[1:])
	case 'T':
		g.timed = true
	default:
		p.readOtherSection(section)
	}
}

// readRate reads a rate without its @. If a group has two rates, the last one applies. In Etsy's
// dialect the first one applies.
func (p *Parser) readRate(b []byte) {
	g := &p.group
	if g.fault != metric.None || g.kind == metric.Gauge || g.kind == metric.Set || g.rated && p.Dialect == metric.Etsy {
		return
	}
	g.rated = true
	rate, ok := number(b)
	if !ok {
		rate, ok = p.otherNumber(b)
	}
	g.weight = 1 / rate
	if !ok || rate <= 0 || rate > 1 && p.Dialect != metric.Etsy || !finite(g.weight) {
		g.fault, g.at = metric.BadRate, p.offset(b)
	}
}

// ownsColons reports whether b starts with a section that may contain colons. Such a section is the
// end of the last group of a line. DogStatsD has the sections c:, e:, card:, tags and timestamps.
// Any other section that starts with letters and a colon is taken for a section of a later version
// of DogStatsD, unless a value follows the colon.
func ownsColons(b []byte) bool {
	if b[0] == '#' || b[0] == 'T' {
		return true
	}
	n := 0
	for n < len(b) && (b[n]|0x20)-'a' < 26 {
		n++
	}
	if n == 0 || n == len(b) || b[n] != ':' {
		return false
	}
	switch string(b[:n]) {
	case "c", "e", "card":
		return true
	}
	return !startsValue(b[n+1:])
}

// startsValue reports whether b starts with a value and a known type. If a colon follows the type,
// the letters can also be a section such as c: and not a type. So the text after the colon must
// then start with a value and a known type too. To limit the cost, startsValue reads no further
// than this second type.
func startsValue(b []byte) bool {
	b, ok := cutTyped(b)
	if ok && len(b) > 0 && b[0] == ':' {
		_, ok = cutTyped(b[1:])
	}
	return ok
}

// cutTyped cuts a value and its type from b. It returns false if b does not start with a value and
// a type.
func cutTyped(b []byte) (rest []byte, ok bool) {
	bar := bytes.IndexByte(b, '|')
	if bar < 0 {
		return nil, false
	}
	b = b[bar+1:]
	end := sectionEnd(b, true)
	_, ok = kindOf(b[:end])
	return b[end:], ok
}

// sectionEnd returns the length of the section at the start of b. A bar ends a section. If colonEnds is true, a colon
// also ends a section.
func sectionEnd(b []byte, colonEnds bool) int {
	if !colonEnds {
		if i := bytes.IndexByte(b, '|'); i >= 0 {
			return i
		}
		return len(b)
	}
	for i, c := range b {
		if c == '|' || c == ':' {
			return i
		}
	}
	return len(b)
}
