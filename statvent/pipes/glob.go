package pipes

import "github.com/statsd-ops/statsd/internal/glob"

// Glob is a pattern for names: "*" stands for any bytes, "?" for one character,
// "[a-z]" for one of a range, and a backslash takes the meaning from what
// follows. The zero Glob matches only the empty name.
type Glob = glob.Glob

// ParseGlob checks the pattern.
func ParseGlob(pattern string) (Glob, error) { return glob.Parse(pattern) }
