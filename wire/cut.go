package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// nameMarks maps the bytes that begin the tags in a name to the style of the tags. The semicolon of
// Graphite's style is not in the map, because it begins tags whatever the styles are: the daemon
// itself writes the tags in the names of series with semicolons.
var nameMarks = map[byte]metric.TagStyles{',': metric.InfluxDB, '#': metric.Librato, '[': metric.SignalFX, ']': metric.SignalFX}

// cutName is a name as sent, split into its parts.
type cutName struct {
	before, after []byte // the parts of the name before and after the tags; after is always empty except in SignalFX's style
	tags          []byte
	separator     byte // the byte between two tags
	style         metric.TagStyles
	broken        bool // whether the name has a bracket as in SignalFX's style, but no valid tags
}

// marked reports whether a name as sent contains a byte that begins tags.
func (t *Tagger) marked(sent []byte) bool {
	return bytes.IndexByte(sent, ';') >= 0 || len(t.marks) > 0 && t.hasMark(sent)
}

func (t *Tagger) hasMark(sent []byte) bool {
	for _, mark := range t.marks {
		if bytes.IndexByte(sent, mark) >= 0 {
			return true
		}
	}
	return false
}

// cut splits a name as sent and stores the parts in t.sent. Brackets are considered first, as in
// statsd_exporter. A name with only one bracket, or with brackets in the wrong order, has no tags.
// In a name without brackets, the first mark begins the tags.
func (t *Tagger) cut(sent []byte) {
	if i := bytes.IndexByte(sent, ';'); i >= 0 && t.styles&metric.Graphite != 0 {
		t.sent = cutName{before: sent[:i], tags: sent[i+1:], separator: ';', style: metric.Graphite}
	} else {
		t.sent = cutName{before: sent}
	}
	if len(t.marks) > 0 {
		t.cutAtMark(sent)
	}
}

// cutAtMark does the same as the method cut, for all styles except Graphite's.
func (t *Tagger) cutAtMark(sent []byte) {
	if t.styles&metric.SignalFX != 0 {
		begin, end := bytes.IndexByte(sent, '['), bytes.IndexByte(sent, ']')
		switch {
		case 0 <= begin && begin < end:
			t.sent = cutName{sent[:begin], sent[end+1:], sent[begin+1 : end], ',', metric.SignalFX, false}
			return
		case begin != end: // the name contains one or both brackets
			t.sent = cutName{before: sent, broken: true}
			return
		}
	}
	for _, mark := range t.marks {
		if i := bytes.IndexByte(t.sent.before, mark); i >= 0 {
			t.sent = cutName{before: sent[:i], tags: sent[i+1:], separator: ',', style: nameMarks[mark]}
		}
	}
}
