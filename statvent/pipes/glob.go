package pipes

import "github.com/statsd-ops/statsd/internal/glob"

// Glob is a pattern for names: "*" matches any bytes, "?" one character, "[a-z]" one of a range. A
// backslash makes the next character literal. The zero Glob matches only the empty name.
type Glob = glob.Glob

// ParseGlob checks the pattern.
func ParseGlob(pattern string) (Glob, error) { return glob.Parse(pattern) }
