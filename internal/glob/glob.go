// Package glob matches names with patterns such as *.errors.
//
//	g, err := glob.Parse("web.*")
//	if g.Match(name) {
//
// The time for a match is at most proportional to the length of the name times the length of the pattern.
package glob

import (
	"fmt"
	"path"
	"strings"
)

// Glob is a pattern for names: "*" matches any bytes, "?" matches one character, "[a-z]" matches
// one character of a range, and a backslash makes the next character literal. The zero Glob matches
// only the empty name.
type Glob struct {
	pattern string
	// simple is true if "*" is the only special character in the pattern.
	simple bool
}

// Parse returns the Glob for a pattern, or an error if the pattern is invalid.
func Parse(pattern string) (Glob, error) {
	if _, err := path.Match(slashless(pattern), ""); err != nil {
		return Glob{}, fmt.Errorf("%q is not a pattern: a bracket is not closed, or the last character is a backslash", pattern)
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

// matchStars matches a pattern whose only special character is "*". The texts between the stars
// must occur in the name in the same order. It is enough to look for the first occurrence of each
// text, without backtracking.
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

// slashless replaces slashes by a byte that no name contains. In path.Match, "*" does not match
// slashes.
func slashless(s string) string { return strings.ReplaceAll(s, "/", "\n") }
