package wire

import (
	"bytes"
	"hash/maphash"

	"github.com/statsd-ops/statsd/metric"
)

// MaxTags is the maximum number of tags of a sample.
const MaxTags = 64

// Tagger makes tags part of the name, so that samples with different tags belong
// to different series. It takes tags from the name, and from a section
// (|#k:v,flag), in the styles that it reads: see metric.TagStyles. All tags in a name have one style. The section may
// have further tags. Tags in the styles of InfluxDB, Librato or SignalFX together with a section are a fault, BadTags.
//
//   - A key ends at the first colon or equals sign. A tag without either has the
//     value true.
//   - Tags are sorted as carbon sorts them, by the bytes of k=v. If a key comes
//     twice, the last tag counts.
//   - A tag is dropped if its key or value is empty, before or after cleaning. For
//     Graphite an empty value means no tag.
//
// With metric.GraphiteTags the name becomes name;k=v;k2=v2. Bytes that Graphite
// does not take become "_", one for each run: in keys ; ! ^ and =, in values ; and
// a ~ at the start, everywhere white space, control characters, bytes outside
// ASCII, and the quotation mark, which makes carbon read another format. The key
// "name" becomes "_name", because Graphite keeps the name there.
// See https://graphite.readthedocs.io/en/latest/tags.html#carbon.
//
// With metric.LabelTags the name becomes name;k=v;k2=v2 too. Keys and values keep
// all text, except for control characters, semicolons, and equals signs in
// keys: each becomes "_". Tags that are not valid UTF-8 are a fault, BadTags. In a
// section a key ends at the first colon, in a name at the first equals sign. A tag
// without a value is dropped, as statsd_exporter does.
//
// With metric.TagsInName the name becomes name.k.v.k2.v2. Keys and values are
// cleaned as names are, and a dot in them becomes "_", so each is one node.
//
// With metric.DropTags tags are cut from the name and dropped.
//
// A Tagger is for one goroutine at a time. Several Parsers may share it.
type Tagger struct {
	style   metric.Tags
	styles  metric.TagStyles
	marks   []byte // bytes that begin tags in a name, in addition to the semicolon
	dialect metric.Dialect
	seed    maphash.Seed
	known   [sections]known
	names   []byte // names made since Forget, one after another
	sent    cutName
	tags    []tag  // of the current name
	order   []byte // memory for sorting them
	lost    bool   // whether a tag was dropped
}

// Clients send the same tags repeatedly, so a Tagger remembers sections.
const (
	sections = 128 // maximum number of remembered sections
	maxKnown = 256 // maximum length of a remembered section in bytes
)

// known is a section of tags, and the text that it adds to a name.
type known struct {
	section, tags []byte
	lost          bool
}

// tag is the place of a tag in Tagger.names. The start includes the byte before
// the key.
type tag struct{ start, value, end int }

// NewTagger returns a Tagger for tags in these styles. It returns nil if a Parser needs none to drop
// the tags. The dialect says how names are cleaned.
func NewTagger(style metric.Tags, styles metric.TagStyles, dialect metric.Dialect) *Tagger {
	if styles == 0 {
		styles = metric.DefaultTagStyles
	}
	if style == metric.DropTags && styles&^metric.DefaultTagStyles == 0 {
		return nil
	}
	t := &Tagger{style: style, styles: styles, dialect: dialect, seed: maphash.MakeSeed(), tags: make([]tag, 0, MaxTags)}
	for mark, style := range nameMarks {
		if styles&style != 0 {
			t.marks = append(t.marks, mark)
		}
	}
	return t
}

// maxKept is the maximum memory for names that a Tagger keeps after Forget. It is enough for a batch of samples with
// names of ordinary length.
const maxKept = 64 << 10

// Forget lets the Tagger reuse the memory of all names that it returned. A nil
// Tagger does nothing.
func (t *Tagger) Forget() {
	switch {
	case t == nil:
	case cap(t.names) > maxKept:
		t.names, t.order = nil, nil
	default:
		t.names = t.names[:0]
	}
}

// keep forgets all names except one, and returns the new position of that name.
func (t *Tagger) keep(name []byte) []byte {
	t.Forget()
	t.names = append(t.names, name...) // the bytes of forgotten names are still there
	return t.names
}

// Name returns the name of the series for a name as sent and a section of tags
// without its #. The result is valid until Forget. lost means that a tag was
// dropped. With a fault there is no name.
func (t *Tagger) Name(sent, section []byte) (series []byte, lost bool, fault metric.Reason) {
	start := len(t.names)
	t.cut(sent)
	t.addName()
	switch {
	case t.style == metric.DropTags:
		return t.names[start:], len(t.sent.tags)+len(section) > 0, metric.None
	case t.style == metric.TagsInName && len(t.names) == start:
		return nil, false, metric.None // an empty name is bad, even with tags
	}
	lost = t.sent.broken
	if t.styles&metric.DogStatsD == 0 && len(section) > 0 {
		lost, section = true, nil
	}
	var dropped bool
	if len(t.sent.tags) == 0 && len(section) <= maxKnown {
		dropped, fault = t.addKnown(section)
	} else {
		dropped, fault = t.addTags(section)
	}
	if fault != metric.None {
		t.names = t.names[:start]
		return nil, false, fault
	}
	return t.names[start:], lost || dropped, metric.None
}

// Series is Name for the name of a sample whose tags a Parser kept: see Parser.KeepTags.
func (t *Tagger) Series(kept []byte) (series []byte, lost bool, fault metric.Reason) {
	sent, section, _ := bytes.Cut(kept, []byte(":")) // a name has no colon
	return t.Name(sent, section)
}

// Sent returns the length of the last name given to Name or Series, as sent but without its tags.
func (t *Tagger) Sent() int { return len(t.sent.before) + len(t.sent.after) }

// join joins a name and its tags as sent: see Parser.KeepTags. The result is valid until Forget.
func (t *Tagger) join(sent, section []byte) []byte {
	start := len(t.names)
	t.names = append(append(append(t.names, sent...), ':'), section...)
	return t.names[start:]
}

// With returns the name of a series with more tags, each key=value. They replace tags with the same key, unless the
// tags of the series have priority. The result is valid until Forget.
func (t *Tagger) With(series []byte, more [][]byte, honor bool) []byte {
	name, tags := metric.CutTags(series)
	start := len(t.names)
	t.names = append(t.names, name...)
	t.tags = t.tags[:0]
	add := func() {
		for _, one := range more {
			if len(t.tags) < MaxTags {
				t.addOne(one, '=')
			}
		}
	}
	if honor {
		add()
	}
	t.addAll(tags, ';', '=')
	if !honor {
		add()
	}
	if !t.sorted() {
		t.sort()
	}
	return t.names[start:]
}

// addName adds t.sent without its tags.
func (t *Tagger) addName() {
	cut, start := &t.sent, len(t.names)
	if t.style == metric.TagsInName {
		t.names = t.dialect.AppendClean(t.names, cut.before)
		t.names = t.dialect.AppendClean(t.names, cut.after)
		return
	}
	t.names = append(append(t.names, cut.before...), cut.after...)
	if t.style.Series() && (t.styles&metric.Graphite == 0 || len(cut.after) > 0) {
		for i, c := range t.names[start:] {
			if c == ';' { // a semicolon would begin the tags
				t.names[start+i] = '_'
			}
		}
	}
}
