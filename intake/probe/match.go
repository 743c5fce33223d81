package probe

import (
	"bytes"
	"strings"

	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/metric"
)

// kept returns a name in the form in which the table stores it.
func kept(form metric.NameForm, name []byte) string {
	clean, _ := form.Append(nil, name)
	return string(clean)
}

// matcher finds the names that match a glob. It compares the name as received and the clean name,
// each with and without tags.
type matcher struct {
	names   metric.NameForm
	all     bool
	prefix  []byte // the part of the glob before the first special byte
	rest    string // the rest of the glob; empty if the glob has no special byte
	glob    glob.Glob
	scratch []byte
}

// newMatcher returns an error if pattern is not a valid glob.
func newMatcher(pattern string, names metric.NameForm) (*matcher, error) {
	g, err := glob.Parse(pattern)
	if err != nil {
		return nil, &Invalid{"match", err}
	}
	m := &matcher{names: names, glob: g, all: pattern == "" || pattern == "*"}
	special := strings.IndexAny(pattern, `*?[\`)
	if special < 0 {
		special = len(pattern)
	}
	m.prefix, m.rest = []byte(pattern[:special]), pattern[special:]
	return m, nil
}

// match reports whether a name as received matches.
func (m *matcher) match(name []byte) bool {
	if m.all || m.matches(name) {
		return true
	}
	if m.names.Tagged {
		bare, tags := metric.CutTags(name)
		if len(tags) > 0 {
			name = bare
			if m.matches(name) {
				return true
			}
		}
	}
	if metric.IsClean(name) {
		return false
	}
	m.scratch, _ = m.names.Append(m.scratch[:0], name)
	return m.matches(m.scratch)
}

func (m *matcher) matches(name []byte) bool {
	if !bytes.HasPrefix(name, m.prefix) {
		return false
	}
	switch m.rest {
	case "":
		return len(name) == len(m.prefix)
	case "*":
		return true
	}
	return m.glob.Match(string(name))
}
