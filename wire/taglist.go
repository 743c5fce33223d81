package wire

import (
	"bytes"
	"hash/maphash"
	"slices"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/metric"
)

// addKnown adds the tags of a section, and stores the result for later sections with the same text.
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

// addTags adds the tags in t.sent and in a section, in sorted order.
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

// addAll adds the tags of a list. With LabelTags, the byte end marks the end of a key. addAll
// returns false if there are too many tags.
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

// addOne adds one tag, or drops it. With LabelTags, the first byte end marks the end of the key.
func (t *Tagger) addOne(one []byte, end byte) {
	if t.style == metric.LabelTags {
		t.addLabel(one, end)
	} else {
		t.add(one)
	}
}

// unset is the value of a tag that is sent without a value.
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

// key returns the key of a tag, with the separator before it and the separator after it.
func (t *Tagger) key(of tag) []byte { return t.names[of.start:of.value] }

// sorted reports whether the tags are in order and no key occurs twice.
func (t *Tagger) sorted() bool {
	for i := 1; i < len(t.tags); i++ {
		if bytes.Compare(t.key(t.tags[i-1]), t.key(t.tags[i])) >= 0 {
			return false
		}
	}
	return true
}

// sort sorts the tags. If a key occurs several times, it keeps only the last tag with this key.
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
