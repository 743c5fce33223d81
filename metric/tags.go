package metric

import "bytes"

// Tags says what is done with the tags of a sample.
type Tags uint8

// These constants say what happens to the tags of a sample.
const (
	DropTags     Tags = iota // tags are dropped, and the sample is accepted
	GraphiteTags             // tags are stored as in Graphite 1.1: name;k=v;k2=v2
	TagsInName               // tags become path nodes of the name: name.k.v.k2.v2
	LabelTags                // like GraphiteTags, but the text of keys and values is not changed: name;k=v
)

var tagsNames = [...]string{"drop", "graphite", "keep-in-name", "labels"}

func (t Tags) String() string {
	if int(t) < len(tagsNames) {
		return tagsNames[t]
	}
	return "unknown"
}

// Series reports whether tags are stored after the name and a semicolon.
func (t Tags) Series() bool { return t == GraphiteTags || t == LabelTags }

// TagStyles is a set of styles in which clients write tags. The empty set means DefaultTagStyles.
type TagStyles uint8

// The styles in which clients write tags.
const (
	DogStatsD TagStyles = 1 << iota // tags after the value: name:1|c|#k:v
	Graphite                        // tags in the name: name;k=v:1|c
	InfluxDB                        // tags in the name: name,k=v:1|c
	Librato                         // tags in the name: name#k=v:1|c
	SignalFX                        // tags in the name: name[k=v]:1|c

	DefaultTagStyles = DogStatsD | Graphite
)

// CutTags splits the name of a series into the plain name and the tags. The series must have been
// made with GraphiteTags or LabelTags. The tags begin with a semicolon, or are empty.
func CutTags(series []byte) (name, tags []byte) {
	if i := bytes.IndexByte(series, ';'); i >= 0 {
		return series[:i], series[i:]
	}
	return series, nil
}

// Takes reports whether the tags of a series from another daemon have the form in which this daemon writes tags. Tags
// in another form could break the output of a sink.
func (t Tags) Takes(series []byte) bool {
	_, tags := CutTags(series)
	if len(tags) == 0 {
		return true
	}
	for tag := range bytes.SplitSeq(tags[1:], []byte{';'}) {
		if key, value, found := bytes.Cut(tag, []byte{'='}); !found || len(key) == 0 || len(value) == 0 {
			return false
		}
	}
	if t == GraphiteTags {
		return !bytes.ContainsFunc(tags, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' })
	}
	return IsSent(tags)
}

// Prefix returns the part of a name up to and including its second dot, without tags. If a name has
// fewer dots, its prefix is the whole name.
func Prefix(name []byte) []byte {
	name, _ = CutTags(name)
	if i := bytes.IndexByte(name, '.'); i >= 0 {
		if j := bytes.IndexByte(name[i+1:], '.'); j >= 0 {
			return name[:i+1+j+1]
		}
	}
	return name
}
