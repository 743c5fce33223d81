package glob

import "strings"

// IsPattern reports whether text is a pattern, as opposed to a plain name.
func IsPattern(text string) bool { return strings.ContainsAny(text, `*?[\`) }

// Matcher returns a function that reports whether a name matches a pattern or equals a plain name.
// Text that is not a valid pattern counts as a plain name. The function is fast for names that do
// not start with the fixed beginning of the pattern.
func Matcher(pattern string) func(name []byte) bool {
	g, err := Parse(pattern)
	special := strings.IndexAny(pattern, `*?[\`)
	if err != nil || special < 0 {
		return func(name []byte) bool { return string(name) == pattern }
	}
	prefix, rest := pattern[:special], pattern[special:]
	return func(name []byte) bool {
		if len(name) < len(prefix) || string(name[:len(prefix)]) != prefix {
			return false
		}
		return rest == "*" || g.Match(string(name))
	}
}
