package client

// knownTags are the last tags of calls, as they were encoded: programs give the same
// ones again and again, and to compare them takes a third of the time. It is for one goroutine
// at a time.
type knownTags [8]encodedTags

// encodedTags is what appendTags made of n tags, if these were short enough to keep.
type encodedTags struct {
	section []byte
	n       int
}

// mostKnownTags is how many bytes of a section are kept.
const mostKnownTags = 128

// append is appendTags.
func (k *knownTags) append(b []byte, tags []string, open bool) []byte {
	if len(tags) == 0 {
		return b
	}
	last := tags[len(tags)-1]
	if last == "" {
		return appendTags(b, tags, open)
	}
	e := &k[(len(last)+int(last[len(last)-1]))%len(k)]
	if e.is(tags, open) {
		return append(b, e.section...)
	}
	from := len(b)
	if b = appendTags(b, tags, open); len(b)-from <= mostKnownTags {
		e.section, e.n = append(e.section[:0], b[from:]...), len(tags)
	}
	return b
}

// is reports whether the section is that of these tags. It has n-1 commas between
// them, and no other bytes that appendTags replaces: so tags with such bytes are
// never its own.
func (e *encodedTags) is(tags []string, open bool) bool {
	start := "|#"
	if open {
		start = ","
	}
	rest := e.section
	if e.n != len(tags) || len(rest) < len(start) || string(rest[:len(start)]) != start {
		return false
	}
	rest = rest[len(start):]
	for i, tag := range tags {
		if i > 0 {
			if len(rest) == 0 || rest[0] != ',' {
				return false
			}
			rest = rest[1:]
		}
		if len(rest) < len(tag) || string(rest[:len(tag)]) != tag {
			return false
		}
		rest = rest[len(tag):]
	}
	return len(rest) == 0
}
