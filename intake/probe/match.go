package probe

import (
	"bytes"
	"strings"

	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/metric"
)

// kept returns a name in the form in which the table has it.
func kept(form metric.NameForm, name []byte) string {
	clean, _ := form.Append(nil, name)
	return string(clean)
}

// matcher finds the names that match a glob: as received or clean, with or without their tags.
type matcher struct {
	names   metric.NameForm
	all     bool
	prefix  []byte // the start of the glob, up to its first special byte
	rest    string // the rest of the glob, from its first special byte; "" if there is none
	glob    glob.Glob
	scratch []byte
}

// newMatcher returns an error if the pattern is not a glob.
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

// match reports whether a received name matches.
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
