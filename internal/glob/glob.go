// Package glob matches names with patterns: *.errors
//
//	g, err := glob.Parse("web.*")
//	if g.Match(name) {
//
// A match takes at most as many steps as the name's length times the pattern's length, for any number of stars.
package glob

import (
	"fmt"
	"path"
	"strings"
)

// Glob is a pattern for names: "*" matches any bytes, "?" one character, "[a-z]" one of a range,
// and a backslash makes the next character literal. The zero Glob matches only the empty name.
type Glob struct {
	pattern string
	// simple says that stars are the only special characters.
	simple bool
}

// Parse checks the pattern.
func Parse(pattern string) (Glob, error) {
	if _, err := path.Match(slashless(pattern), ""); err != nil {
		return Glob{}, fmt.Errorf("%q is not a pattern: a bracket is not closed, or a backslash ends it", pattern)
	}
	return Glob{slashless(pattern), !strings.ContainsAny(pattern, `?[\`)}, nil
}

// Match reports whether the pattern matches the whole name.
func (g Glob) Match(name string) bool {
	if g.simple {
		return matchStars(g.pattern, slashless(name))
	}
	ok, err := path.Match(g.pattern, slashless(name))
	return ok && err == nil
}

// matchStars matches a pattern whose only special characters are stars. The parts between stars must come one after the
// other, so it is enough to find the first place of each part.
func matchStars(pattern, name string) bool {
	part, rest, more := strings.Cut(pattern, "*")
	if !more {
		return name == pattern
	}
	name, ok := strings.CutPrefix(name, part)
	for ok {
		if part, rest, more = strings.Cut(rest, "*"); !more {
			return strings.HasSuffix(name, part)
		}
		_, name, ok = strings.Cut(name, part)
	}
	return false
}

// slashless replaces slashes, which are special to path.Match, by a byte that no name contains.
func slashless(s string) string { return strings.ReplaceAll(s, "/", "\n") }
