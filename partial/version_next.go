//go:build nextversion

package partial

// Version is the next version of the format, which differs in nothing but its number. A build with it lets a
// test mix daemons of two versions.
const Version = 2
