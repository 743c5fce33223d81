// Package glob matches names with patterns: *.errors
//
//	g, err := glob.Parse("web.*")
//	if g.Match(name) {
//
// A match takes at most as many steps as the name's length times the pattern's,
// however many stars that has.
package glob

import (
	"fmt"
	"path"
	"strings"
)

// Glob is a pattern for names: "*" stands for any bytes, "?" for one character,
// "[a-z]" for one of a range, and a backslash takes the meaning from what
// follows. The zero Glob matches only the empty name.
type Glob struct{ pattern string }

// Parse checks the pattern.
func Parse(pattern string) (Glob, error) {
	if _, err := path.Match(slashless(pattern), ""); err != nil {
		return Glob{}, fmt.Errorf("%q is not a pattern: a bracket is not closed, or a backslash ends it", pattern)
	}
	return Glob{slashless(pattern)}, nil
}

// Match reports whether the pattern stands for the whole name.
func (g Glob) Match(name string) bool {
	ok, err := path.Match(g.pattern, slashless(name))
	return ok && err == nil
}

// slashless hides slashes from path.Match, to which they are special, behind the
// one byte that no name holds.
func slashless(s string) string { return strings.ReplaceAll(s, "/", "\n") }
