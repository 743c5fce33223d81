package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// nameMarks are the bytes that begin the tags of a name, and their styles. The semicolon of Graphite's style is always
// looked for, because it separates tags in the names of series.
var nameMarks = map[byte]metric.TagStyles{',': metric.InfluxDB, '#': metric.Librato, '[': metric.SignalFX, ']': metric.SignalFX}

// cutName is a name as sent, cut into its parts.
type cutName struct {
	before, after []byte // the name; only SignalFX has a part after the tags
	tags          []byte
	separator     byte // between two tags
	style         metric.TagStyles
	broken        bool // the name has a bracket of SignalFX's style, but no tags
}

// marked reports whether a name as sent has a byte that begins tags.
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

// cut splits a name as sent into t.sent. As in statsd_exporter, brackets come first, and a name with one
// bracket, or with brackets in the wrong order, has no tags. In other names the first mark begins the
// tags.
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

// cutAtMark is cut for the styles other than Graphite's.
func (t *Tagger) cutAtMark(sent []byte) {
	if t.styles&metric.SignalFX != 0 {
		begin, end := bytes.IndexByte(sent, '['), bytes.IndexByte(sent, ']')
		switch {
		case 0 <= begin && begin < end:
			t.sent = cutName{sent[:begin], sent[end+1:], sent[begin+1 : end], ',', metric.SignalFX, false}
			return
		case begin != end: // one or both brackets are present
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
