package wire

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/statsd-ops/statsd/metric"
)

// MaxTags is how many tags a sample may have.
const MaxTags = 64

// Tagger makes tags a part of names, so that samples of one name whose tags
// differ are of different series. Tags are those in a name as Graphite writes it
// (name;k=v), and behind them those of a section (|#k:v,flag).
//
//   - A key ends at the first colon or equals sign. A tag without either has the
//     value true.
//   - Tags are sorted as carbon sorts them: by the bytes of k=v. Of two with one
//     key the later counts.
//   - A tag whose key or value is empty, as sent or when cleaned, is dropped: to
//     Graphite an empty value is the same as no tag.
//
// With metric.GraphiteTags the name becomes name;k=v;k2=v2. What Graphite does
// not take becomes "_", a run of it one: in keys ; ! ^ and =, in values ; and a ~
// at the start, everywhere white space, control characters, what is not ASCII,
// and the quotation mark, by which carbon would take the line for another format.
// The key name, which Graphite keeps for the name, becomes _name.
// See https://graphite.readthedocs.io/en/latest/tags.html#carbon.
//
// With metric.TagsInName it becomes name.k.v.k2.v2. All of it is cleaned as
// names are, and a dot in a key or value becomes "_", so that each is one node.
//
// A Tagger is for one goroutine at a time. Several Parsers may share it.
type Tagger struct {
	style   metric.Tags
	dialect metric.Dialect
	seed    maphash.Seed
	known   [sections]known
	names   []byte // made since Forget; they stand one behind another
	tags    []tag  // of the name being made
	order   []byte // memory to put them in order
	lost    bool   // one of them was dropped
}

// The same tags come again and again: a Tagger remembers this many sections of
// at most so many bytes.
const (
	sections  = 128
	mostKnown = 256
)

// known is a section of tags, and what it adds to a name.
type known struct {
	section, tags []byte
	lost          bool
}

// tag is a tag's place in Tagger.names, with the byte before it.
type tag struct{ start, value, end int }

// NewTagger returns a Tagger; nil, with which a Parser drops tags, for
// metric.DropTags. The dialect is how names are cleaned.
func NewTagger(style metric.Tags, dialect metric.Dialect) *Tagger {
	if style == metric.DropTags {
		return nil
	}
	return &Tagger{style: style, dialect: dialect, seed: maphash.MakeSeed(), tags: make([]tag, 0, MaxTags)}
}

// mostKept is how many bytes of names a Tagger keeps room for: those of a batch
// of samples, unless somebody sends very long ones.
const mostKept = 64 << 10

// Forget lets the Tagger use the memory again of the names that it made so far.
// A nil Tagger has made none.
func (t *Tagger) Forget() {
	switch {
	case t == nil:
	case cap(t.names) > mostKept:
		t.names, t.order = nil, nil
	default:
		t.names = t.names[:0]
	}
}

// keep is Forget for all names but one, which it returns.
func (t *Tagger) keep(name []byte) []byte {
	t.Forget()
	t.names = append(t.names, name...) // what is forgotten is not overwritten yet
	return t.names
}

// Name returns the name of the series that a name as sent and a section of
// tags, without its #, stand for. It is good until Forget. Lost says that a tag
// was dropped, ok that there are not too many.
func (t *Tagger) Name(sent, section []byte) (series []byte, lost, ok bool) {
	start := len(t.names)
	name, inName := metric.CutTags(sent)
	if t.style == metric.TagsInName {
		t.names = t.dialect.AppendClean(t.names, name)
		if len(t.names) == start {
			return nil, false, true // with tags it would be a name, and it is none
		}
	} else {
		t.names = append(t.names, name...)
	}
	if len(inName) == 0 && len(section) <= mostKnown {
		lost, ok = t.addKnown(section)
	} else {
		lost, ok = t.addTags(inName, section)
	}
	if !ok {
		t.names = t.names[:start]
		return nil, false, false
	}
	return t.names[start:], lost, true
}

// addKnown adds the tags of a section, and remembers them.
func (t *Tagger) addKnown(section []byte) (lost, ok bool) {
	k := &t.known[maphash.Bytes(t.seed, section)%uint64(len(t.known))]
	if bytes.Equal(k.section, section) {
		t.names = append(t.names, k.tags...)
		return k.lost, true
	}
	start := len(t.names)
	if lost, ok = t.addTags(nil, section); ok {
		k.section, k.tags, k.lost = append(k.section[:0], section...), append(k.tags[:0], t.names[start:]...), lost
	}
	return lost, ok
}

// addTags adds the tags of a name and of a section, in order.
func (t *Tagger) addTags(inName, section []byte) (lost, ok bool) {
	t.tags, t.lost = t.tags[:0], false
	if !t.addAll(inName, ';') || !t.addAll(section, ',') {
		return false, false
	}
	if !t.sorted() {
		t.sort()
	}
	return t.lost, true
}

// addAll adds the tags of a list. It reports false when they are too many.
func (t *Tagger) addAll(list []byte, separator byte) bool {
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
		t.add(one)
	}
	return true
}

// unset is the value of a tag that has none.
var unset = []byte("true")

// add adds one tag, or drops it.
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

// key returns a tag's key, with what stands before and behind it.
func (t *Tagger) key(of tag) []byte { return t.names[of.start:of.value] }

// sorted reports whether the tags are in order, each key once.
func (t *Tagger) sorted() bool {
	for i := 1; i < len(t.tags); i++ {
		if bytes.Compare(t.key(t.tags[i-1]), t.key(t.tags[i])) >= 0 {
			return false
		}
	}
	return true
}

// sort puts the tags in order, and leaves the last of each key.
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
