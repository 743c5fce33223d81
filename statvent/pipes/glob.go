package pipes

import "github.com/statsd-ops/statsd/internal/glob"

// Glob is a pattern for names: "*" matches any bytes, "?" matches one character, and "[a-z]" matches one
// character of a range. A backslash makes the next character literal. The zero Glob matches only the empty name.
type Glob = glob.Glob

// ParseGlob parses a pattern. It returns an error if the pattern is invalid.
func ParseGlob(pattern string) (Glob, error) { return glob.Parse(pattern) }
