package wire

import (
	"bytes"
	"hash/maphash"

	"github.com/statsd-ops/statsd/metric"
)

// MaxTags is the maximum number of tags of a sample.
const MaxTags = 64

// Tagger makes tags a part of the name, so that samples with different tags belong to different series. It reads tags in
// the name, and in a section such as |#k:v,flag, in the styles that it is made for (see metric.TagStyles). All tags in a
// name have the same style. A name with tags in Graphite's style can also have a section of tags. A name with tags in the
// style of InfluxDB, Librato or SignalFX must not have such a section: the sample is bad, with the reason BadTags.
//
//   - A key ends at the first colon or equals sign. A tag with neither of them has the value true.
//   - Tags are sorted in the same order as in carbon, by the bytes of k=v. If a key occurs twice, the last tag is used.
//   - A tag is dropped if its key or value is empty, before or after cleaning. In Graphite, a tag with an empty value is
//     the same as no tag.
//
// With metric.GraphiteTags the name becomes name;k=v;k2=v2. Each run of bytes that Graphite does not accept becomes
// "_". In keys, Graphite does not accept ; ! ^ and =. In values, it does not accept ; and a ~ at the start. In keys and
// values, it does not accept white space, control characters, bytes outside ASCII, and the quotation mark: carbon reads
// a name with quotation marks as name{k="v"}. The key "name" becomes "_name", because Graphite stores the name of the
// metric under the key "name". See https://graphite.readthedocs.io/en/latest/tags.html#carbon.
//
// With metric.LabelTags the name also becomes name;k=v;k2=v2. Each control character and semicolon becomes "_", and in
// keys also each equals sign. All other text is unchanged. A sample with tags that are not valid UTF-8 is bad, with the
// reason BadTags. In a section, a key ends at the first colon; in a name, it ends at the first equals sign. A tag without
// a value is dropped, as in statsd_exporter.
//
// With metric.TagsInName the name becomes name.k.v.k2.v2. Keys and values are cleaned like names. A dot in a key or value
// becomes "_", so that each of them is a single node of the path.
//
// With metric.DropTags, tags are removed from the name and dropped.
//
// Only one goroutine at a time may use a Tagger. Several Parsers may share it.
type Tagger struct {
	style   metric.Tags
	styles  metric.TagStyles
	marks   []byte // the bytes that begin tags in a name, except the semicolon
	dialect metric.Dialect
	seed    maphash.Seed
	known   [sections]known
	names   []byte // the names made since the last Forget, one after another
	sent    cutName
	tags    []tag  // tags of the current name
	order   []byte // memory for sorting the tags
	lost    bool   // whether a tag of the current name was dropped
}

// Clients send the same tags repeatedly, so a Tagger stores the results for some sections.
const (
	sections = 128 // maximum number of stored sections
	maxKnown = 256 // maximum length of a stored section in bytes
)

// known is a section of tags, and the text that the section adds to a name.
type known struct {
	section, tags []byte
	lost          bool
}

// tag is the position of a tag in Tagger.names. The field start is the index of the separator
// before the key.
type tag struct{ start, value, end int }

// NewTagger returns a Tagger for tags in these styles. If tags are to be dropped and a Parser can
// do that without a Tagger, NewTagger returns nil. The dialect says how names are cleaned.
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

// maxKept limits the memory for names that a Tagger keeps after Forget. It is enough for a batch of
// samples with names of usual length.
const maxKept = 64 << 10

// Forget lets the Tagger reuse the memory of all names that it has returned. Forget of a nil Tagger
// does nothing.
func (t *Tagger) Forget() {
	switch {
	case t == nil:
	case cap(t.names) > maxKept:
		t.names, t.order = nil, nil
	default:
		t.names = t.names[:0]
	}
}

// keep forgets all names except one, and returns this name at its new position.
func (t *Tagger) keep(name []byte) []byte {
	t.Forget()
	t.names = append(t.names, name...) // append also works if name is a part of t.names
	return t.names
}

// Name returns the name of the series for a name as sent, and a section of tags without its #. The
// returned name is valid until the next Forget. The result lost says that a tag was dropped. If
// there is a fault, Name returns no name.
func (t *Tagger) Name(sent, section []byte) (series []byte, lost bool, fault metric.Reason) {
	start := len(t.names)
	t.cut(sent)
	t.addName()
	switch {
	case t.style == metric.DropTags:
		return t.names[start:], len(t.sent.tags)+len(section) > 0, metric.None
	case t.style == metric.TagsInName && len(t.names) == start:
		return nil, false, metric.None // an empty name stays empty even if it has tags, so that the caller finds it
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

// Series does the same as Name, for the name of a sample whose tags a Parser has kept; see
// Parser.KeepTags.
func (t *Tagger) Series(kept []byte) (series []byte, lost bool, fault metric.Reason) {
	sent, section, _ := bytes.Cut(kept, []byte(":")) // the name itself contains no colon
	return t.Name(sent, section)
}

// Sent returns the length of the name in the last call of Name or Series. It is the length of the
// name as it was sent, before cleaning, and without the tags.
func (t *Tagger) Sent() int { return len(t.sent.before) + len(t.sent.after) }

// join joins a name and its tags as sent; see Parser.KeepTags. The result is valid until the next
// Forget.
func (t *Tagger) join(sent, section []byte) []byte {
	start := len(t.names)
	t.names = append(append(append(t.names, sent...), ':'), section...)
	return t.names[start:]
}

// With returns the name of a series with additional tags, which have the form key=value. An
// additional tag replaces a tag of the series with the same key. If the parameter honor is true, the
// tag of the series is kept instead. The returned name is valid until the next Forget.
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

// addName adds the name in t.sent without its tags.
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
			if c == ';' { // a semicolon in a series begins the tags
				t.names[start+i] = '_'
			}
		}
	}
}
