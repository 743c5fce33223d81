package metric

import "bytes"

// Tags says what becomes of the tags that a sample carries.
type Tags uint8

// What can become of tags.
const (
	DropTags     Tags = iota // the sample counts without them
	GraphiteTags             // a series of Graphite 1.1: name;k=v;k2=v2
	TagsInName               // nodes of the name: name.k.v.k2.v2
)

// CutTags parts the name of a series, as GraphiteTags makes it, into the name
// proper and the tags, which begin with a semicolon. Without tags these are empty.
func CutTags(series []byte) (name, tags []byte) {
	if i := bytes.IndexByte(series, ';'); i >= 0 {
		return series[:i], series[i:]
	}
	return series, nil
}
