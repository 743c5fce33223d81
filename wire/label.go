package wire

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
)

// This file contains the part of Tagger that is used with metric.LabelTags.

// maxJoined limits the cost of a line with many sections of tags. If the joined sections are longer than this number of
// bytes, the next section is dropped.
const maxJoined = 4 << 10

// second combines two sections of tags. With LabelTags it joins the two sections, as
// statsd_exporter does. Otherwise it returns the second section. The result lost says that tags
// were dropped.
func (t *Tagger) second(first, second []byte) (section []byte, lost bool) {
	switch {
	case t.style != metric.LabelTags:
		return second, true
	case len(first) > maxJoined:
		return first, true
	}
	return slices.Concat(first, []byte(","), second), false
}

// tagContainer adds the tag container_id to the tags of the group. If the container's id contains a
// comma, only the part before the comma is used, because a comma begins another tag.
func (p *Parser) tagContainer() {
	g := &p.group
	id, _, _ := bytes.Cut(g.container, []byte(","))
	if len(id) == 0 {
		return
	}
	p.box = p.box[:0]
	if g.tagged {
		p.box = append(append(p.box, p.tags...), ',')
	}
	p.box = append(append(p.box, "container_id:"...), id...)
	g.tagged, p.tags = true, p.box
}

// addLabel adds one tag as a label. It drops the tag if its key or value is missing.
func (t *Tagger) addLabel(one []byte, end byte) {
	if end == ':' { // statsd_exporter ignores a # at the start of a tag
		one = bytes.TrimPrefix(one, []byte("#"))
	}
	at := bytes.IndexByte(one, end)
	if at <= 0 || at == len(one)-1 {
		t.lost = true
		return
	}
	placed := tag{start: len(t.names)}
	t.names = appendLabel(append(t.names, ';'), one[:at], true)
	placed.value = len(t.names) + 1
	t.names = appendLabel(append(t.names, '='), one[at+1:], false)
	placed.end = len(t.names)
	t.tags = append(t.tags, placed)
}

// appendLabel appends text as the key or the value of a label. text must be valid UTF-8. Bytes that
// separate tags, and control characters except tabs, become "_".
func appendLabel(dst, text []byte, key bool) []byte {
	for _, r := range string(text) {
		if unicode.IsControl(r) && r != '\t' || r == ';' || key && r == '=' {
			r = '_'
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
