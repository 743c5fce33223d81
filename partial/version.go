//go:build !nextversion

package partial

// Version is the version of the format that Encode writes.
const Version = 1
