package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// readGroup reads what stands behind a name, or behind the last group: values,
// a type, and sections. It leaves in p.rest what starts the next group.
func (p *Parser) readGroup(b []byte) {
	g := &p.group
	*g = group{weight: 1}
	p.rest = nil

	bar := bytes.IndexByte(b, '|')
	if bar < 0 { // without a type nobody can say how many values these are: one
		g.values, g.fault = b, metric.BadType
		return
	}
	g.values, b = b[:bar], b[bar+1:]
	end := sectionEnd(b, true)
	var known bool
	if g.kind, known = kindOf(b[:end]); !known {
		g.fault = metric.BadType
	}
	g.packed, g.millis = g.kind != metric.Set, string(b[:end]) == "ms"
	p.readSections(b[end:])
	if p.Tagger != nil && g.fault == metric.None {
		p.nameGroup()
	}
}

// nameGroup makes the group's name, of the one that was sent and the tags.
func (p *Parser) nameGroup() {
	g, sent := &p.group, p.line[:bytes.IndexByte(p.line, ':')]
	p.name = sent
	if !g.tagged {
		p.tags = nil
		if bytes.IndexByte(sent, ';') < 0 {
			return
		}
	}
	name, lost, ok := p.Tagger.Name(sent, p.tags)
	if !ok {
		g.fault = metric.TooLong
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

// readSections reads the sections behind a type; b starts at a bar or a colon,
// or is empty.
func (p *Parser) readSections(b []byte) {
	colonEnds := true // until a section comes whose colons are its own
	for len(b) > 0 {
		if b[0] == ':' {
			p.rest = b[1:]
			return
		}
		b = b[1:]
		if len(b) > 0 && (b[0] == '#' || b[0] == 'T' || bytes.HasPrefix(b, []byte("c:"))) {
			colonEnds = false
		}
		end := sectionEnd(b, colonEnds)
		p.readSection(b[:end])
		b = b[end:]
	}
}

func (p *Parser) readSection(section []byte) {
	g := &p.group
	switch {
	case len(section) == 0:
	case section[0] == '#' && len(section) > 1:
		g.lost = p.Tagger == nil || g.tagged // of two sections the last counts
		g.tagged, p.tags = true, section[1:]
	case section[0] == '@' && g.fault == metric.None && g.kind != metric.Gauge && g.kind != metric.Set:
		rate, ok := number(section[1:])
		g.weight = 1 / rate
		if !ok || rate <= 0 || rate > 1 || !finite(g.weight) {
			g.fault = metric.BadRate
		}
	}
}

// sectionEnd returns the length of the section that b starts with.
func sectionEnd(b []byte, colonEnds bool) int {
	for i, c := range b {
		if c == '|' || c == ':' && colonEnds {
			return i
		}
	}
	return len(b)
}
