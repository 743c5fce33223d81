//go:build nextversion

package partial

// Version is the next version of the format. Only the number differs from the current version.
// Tests build a daemon with this version, to run daemons of two versions together.
const Version = 2
