//go:build nextversion

package partial

// Version is the next version of the format. Only its number differs. With a build of this version, a test
// can mix daemons of two versions.
const Version = 2
