package metric

import "bytes"

// Tags decides what happens to the tags of a sample.
type Tags uint8

// The styles of tags.
const (
	DropTags     Tags = iota // they are dropped; the sample counts
	GraphiteTags             // a series of Graphite 1.1: name;k=v;k2=v2
	TagsInName               // nodes of the name: name.k.v.k2.v2
	LabelTags                // like GraphiteTags, but keys and values keep all text: name;k=v
)

var tagsNames = [...]string{"drop", "graphite", "keep-in-name", "labels"}

func (t Tags) String() string {
	if int(t) < len(tagsNames) {
		return tagsNames[t]
	}
	return "unknown"
}

// Series reports whether tags follow the name after a semicolon.
func (t Tags) Series() bool { return t == GraphiteTags || t == LabelTags }

// TagStyles is a set of ways to write tags. The zero set stands for DefaultTagStyles.
type TagStyles uint8

// The ways to write tags.
const (
	DogStatsD TagStyles = 1 << iota // name:1|c|#k:v
	Graphite                        // name;k=v:1|c
	InfluxDB                        // name,k=v:1|c
	Librato                         // name#k=v:1|c
	SignalFX                        // name[k=v]:1|c

	DefaultTagStyles = DogStatsD | Graphite
)

// CutTags splits the name of a series, made with GraphiteTags or LabelTags, into the plain name and the tags.
// The tags begin with a semicolon, or are empty.
func CutTags(series []byte) (name, tags []byte) {
	if i := bytes.IndexByte(series, ';'); i >= 0 {
		return series[:i], series[i:]
	}
	return series, nil
}

// Takes reports whether a series has tags in the form that daemons make. Other tags could break the lines of a sink.
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

// Prefix returns the part of a name up to and including its second dot, without tags. A name with
// fewer dots is its own prefix.
func Prefix(name []byte) []byte {
	name, _ = CutTags(name)
	if i := bytes.IndexByte(name, '.'); i >= 0 {
		if j := bytes.IndexByte(name[i+1:], '.'); j >= 0 {
			return name[:i+1+j+1]
		}
	}
	return name
}
