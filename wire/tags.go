package wire

import (
	"bytes"
	"hash/maphash"
	"slices"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
)

// MaxTags is the most tags that a sample may have.
const MaxTags = 64

// Tagger makes tags part of the name, so that samples with different tags belong
// to different series. It takes tags from the name, and from a section
// (|#k:v,flag), in the styles that it reads: see metric.TagStyles. A name has tags
// of one style, its section may have more. Tags of InfluxDB, Librato or SignalFX
// together with a section are a fault, BadTags.
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
	marks   []byte // bytes that begin tags in a name, besides the semicolon
	dialect metric.Dialect
	seed    maphash.Seed
	known   [sections]known
	names   []byte // made since Forget, one after another
	sent    cutName
	tags    []tag  // of the current name
	order   []byte // memory for sorting them
	lost    bool   // one of them was dropped
}

// Clients send the same tags repeatedly, so a Tagger remembers sections.
const (
	sections = 128 // the number it remembers
	maxKnown = 256 // the most bytes of one
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

// maxKept is the most memory for names that a Tagger keeps after Forget. It is
// enough for a batch of samples with names of ordinary length.
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

// keep is Forget for all names except one. It returns that name's new place.
func (t *Tagger) keep(name []byte) []byte {
	t.Forget()
	t.names = append(t.names, name...) // forgotten names are not overwritten yet
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
		return nil, false, metric.None // tags do not make an empty name good
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

// Sent returns the length of the name that Name or Series took last, as sent and without its tags.
func (t *Tagger) Sent() int { return len(t.sent.before) + len(t.sent.after) }

// join joins a name and its tags as sent: see Parser.KeepTags. The result is valid until Forget.
func (t *Tagger) join(sent, section []byte) []byte {
	start := len(t.names)
	t.names = append(append(append(t.names, sent...), ':'), section...)
	return t.names[start:]
}

// With returns the name of a series with more tags, each key=value. They win over tags with the same key,
// unless the series' own are to be honored. The result is valid until Forget.
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
			if c == ';' { // which would begin the tags
				t.names[start+i] = '_'
			}
		}
	}
}

// addKnown adds the tags of a section, and remembers the result.
func (t *Tagger) addKnown(section []byte) (lost bool, fault metric.Reason) {
	k := &t.known[maphash.Bytes(t.seed, section)%uint64(len(t.known))]
	if bytes.Equal(k.section, section) {
		t.names = append(t.names, k.tags...)
		return k.lost, metric.None
	}
	start := len(t.names)
	if lost, fault = t.addTags(section); fault == metric.None {
		k.section, k.tags, k.lost = append(k.section[:0], section...), append(k.tags[:0], t.names[start:]...), lost
	}
	return lost, fault
}

// addTags adds the tags of t.sent and of a section, sorted.
func (t *Tagger) addTags(section []byte) (lost bool, fault metric.Reason) {
	cut := &t.sent
	t.tags, t.lost = t.tags[:0], false
	if t.style == metric.LabelTags && !(utf8.Valid(cut.tags) && utf8.Valid(section)) {
		return false, metric.BadTags
	}
	if !t.addAll(cut.tags, cut.separator, '=') {
		return false, metric.TooLong
	}
	if len(t.tags) > 0 && len(section) > 0 && cut.style != metric.Graphite {
		return false, metric.BadTags
	}
	if !t.addAll(section, ',', ':') {
		return false, metric.TooLong
	}
	if !t.sorted() {
		t.sort()
	}
	return t.lost, metric.None
}

// addAll adds the tags of a list. With LabelTags their keys end at end. It reports false if there
// are too many.
func (t *Tagger) addAll(list []byte, separator, end byte) bool {
	for len(list) > 0 {
		one := list
		if i := bytes.IndexByte(list, separator); i >= 0 {
			one, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		if len(one) == 0 {
			continue
		}
		if len(t.tags) == MaxTags {
			return false
		}
		t.addOne(one, end)
	}
	return true
}

// addOne adds one tag, or drops it. With LabelTags its key ends at end.
func (t *Tagger) addOne(one []byte, end byte) {
	if t.style == metric.LabelTags {
		t.addLabel(one, end)
	} else {
		t.add(one)
	}
}

// unset is the value of a tag without one.
var unset = []byte("true")

func (t *Tagger) add(one []byte) {
	key, value := one, unset
	for i, c := range one {
		if c == ':' || c == '=' {
			key, value = one[:i], one[i+1:]
			break
		}
	}
	placed := tag{start: len(t.names)}
	if t.style == metric.TagsInName {
		t.names = t.appendNode(append(t.names, '.'), key)
		placed.value = len(t.names) + 1
		t.names = t.appendNode(append(t.names, '.'), value)
	} else {
		if string(key) == "name" {
			key = []byte("_name")
		}
		t.names = appendFit(append(t.names, ';'), key, fitKey)
		placed.value = len(t.names) + 1
		t.names = appendFit(append(t.names, '='), value, fitValue)
		if placed.value < len(t.names) && t.names[placed.value] == '~' {
			t.names[placed.value] = '_'
		}
	}
	placed.end = len(t.names)
	if placed.value == placed.start+2 || placed.value == placed.end {
		t.names, t.lost = t.names[:placed.start], true
		return
	}
	t.tags = append(t.tags, placed)
}

// key returns a tag's key, with the separators before and after it.
func (t *Tagger) key(of tag) []byte { return t.names[of.start:of.value] }

// sorted reports whether the tags are sorted and have no key twice.
func (t *Tagger) sorted() bool {
	for i := 1; i < len(t.tags); i++ {
		if bytes.Compare(t.key(t.tags[i-1]), t.key(t.tags[i])) >= 0 {
			return false
		}
	}
	return true
}

// sort sorts the tags, and keeps the last of each key.
func (t *Tagger) sort() {
	start := t.tags[0].start
	slices.SortStableFunc(t.tags, func(a, b tag) int { return bytes.Compare(t.key(a), t.key(b)) })
	t.order = t.order[:0]
	for i, one := range t.tags {
		if i+1 < len(t.tags) && bytes.Equal(t.key(one), t.key(t.tags[i+1])) {
			t.lost = true
			continue
		}
		t.order = append(t.order, t.names[one.start:one.end]...)
	}
	t.names = append(t.names[:start], t.order...)
}
